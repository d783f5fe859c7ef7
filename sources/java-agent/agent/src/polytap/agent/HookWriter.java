package polytap.agent;

import java.util.Map;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;
import org.objectweb.asm.commons.LocalVariablesSorter;

/**
 * Writes the calls into one method. All locals are made at the entry and set there: made at a return they would be missing
 * in the stack maps of what follows, which some JVMs do not verify in classes of their own and others die of.
 */
final class HookWriter extends LocalVariablesSorter {
	private static final String TAP = "polytap/agent/Tap";
	private static final Type OBJECT = Type.getType(Object.class);

	private final Hook hook;
	private final String owner;
	private final Map<String, String> fields;
	private final Type[] arguments;
	private int[] saved = new int[0];
	private int entered;
	private final Label begin = new Label();

	HookWriter(Hook hook, String owner, Map<String, String> fields, int access, String descriptor, MethodVisitor next) {
		super(Opcodes.ASM9, access, descriptor, next);
		this.hook = hook;
		this.owner = owner;
		this.fields = fields;
		arguments = Type.getArgumentTypes(descriptor);
	}

	@Override
	public void visitCode() {
		super.visitCode();
		if (hook.kind == Hook.EXIT) saveArguments();
		else if (hook.kind == Hook.ENTRY) callAtEntry(hook.target, Type.VOID_TYPE);
		else if (hook.kind == Hook.TRANSFER) {
			callAtEntry("enter" + hook.target, OBJECT);
			entered = newLocal(OBJECT);
			mv.visitVarInsn(Opcodes.ASTORE, entered);
		}
		else if (hook.kind == Hook.SCOPE) {
			loadThis();
			mv.visitVarInsn(Opcodes.ALOAD, 1);
			tap("enter" + hook.target, "(Ljava/lang/Object;Ljava/lang/Object;)Ljava/lang/Object;");
			entered = newLocal(OBJECT);
			mv.visitVarInsn(Opcodes.ASTORE, entered);
			mv.visitLabel(begin);
		} else {
			loadThis();
			loadArguments();
			tap("enter" + hook.target, describe(OBJECT, OBJECT, arguments));
			entered = newLocal(OBJECT);
			mv.visitVarInsn(Opcodes.ASTORE, entered);
		}
	}

	@Override
	public void visitInsn(int opcode) {
		if (opcode >= Opcodes.IRETURN && opcode <= Opcodes.RETURN) {
			if (hook.kind == Hook.AROUND) {
				mv.visitInsn(Opcodes.DUP);
				mv.visitVarInsn(Opcodes.ALOAD, entered);
				loadThis();
				tap("exit" + hook.target, "(Ljava/lang/Object;Ljava/lang/Object;Ljava/lang/Object;)V");
			} else if (hook.kind == Hook.EXIT) callAtExit(opcode);
			else if (hook.kind == Hook.SCOPE) endScope();
			else if (hook.kind == Hook.TRANSFER) {
				mv.visitInsn(opcode == Opcodes.LRETURN ? Opcodes.DUP2 : Opcodes.DUP);
				if (opcode == Opcodes.IRETURN) mv.visitInsn(Opcodes.I2L);
				mv.visitVarInsn(Opcodes.ALOAD, entered);
				tap("exit" + hook.target, "(JLjava/lang/Object;)V");
			}
		}
		super.visitInsn(opcode);
	}

	/** Behind everything else: what the method throws ends the scope, too, and is thrown on. */
	@Override
	public void visitMaxs(int maxStack, int maxLocals) {
		if (hook.kind == Hook.SCOPE) {
			Label end = new Label();
			Label handler = new Label();
			mv.visitLabel(end);
			mv.visitTryCatchBlock(begin, end, handler, null);
			mv.visitLabel(handler);
			mv.visitFrame(Opcodes.F_NEW, arguments.length + 2, atEntry(), 1, new Object[] {"java/lang/Throwable"});
			endScope();
			mv.visitInsn(Opcodes.ATHROW);
		}
		super.visitMaxs(maxStack, maxLocals);
	}

	private void endScope() {
		mv.visitVarInsn(Opcodes.ALOAD, entered);
		tap("exit" + hook.target, "(Ljava/lang/Object;)V");
	}

	/** The locals that hold throughout: this, the arguments, and what the entry gave. */
	private Object[] atEntry() {
		Object[] locals = new Object[arguments.length + 2];
		locals[0] = owner;
		for (int i = 0; i < arguments.length; i++) locals[i + 1] = frameType(arguments[i]);
		locals[arguments.length + 1] = "java/lang/Object";
		return locals;
	}

	private static Object frameType(Type type) {
		switch (type.getSort()) {
			case Type.LONG:
				return Opcodes.LONG;
			case Type.DOUBLE:
				return Opcodes.DOUBLE;
			case Type.FLOAT:
				return Opcodes.FLOAT;
			case Type.OBJECT:
				return type.getInternalName();
			case Type.ARRAY:
				return type.getDescriptor();
			default:
				return Opcodes.INTEGER;
		}
	}

	private void saveArguments() {
		saved = new int[hook.arguments];
		int slot = 1;
		for (int i = 0; i < hook.arguments; i++) {
			saved[i] = newLocal(arguments[i]);
			mv.visitVarInsn(arguments[i].getOpcode(Opcodes.ILOAD), slot);
			mv.visitVarInsn(arguments[i].getOpcode(Opcodes.ISTORE), saved[i]);
			slot += arguments[i].getSize();
		}
	}

	private void callAtExit(int opcode) {
		StringBuilder descriptor = new StringBuilder("(");
		if (opcode == Opcodes.IRETURN) {
			mv.visitInsn(Opcodes.DUP);
			descriptor.append('I');
		}
		loadThis();
		if (!hook.field.isEmpty()) mv.visitFieldInsn(Opcodes.GETFIELD, owner, hook.field, fieldType(hook.field));
		descriptor.append("Ljava/lang/Object;");
		for (int i = 0; i < saved.length; i++) {
			mv.visitVarInsn(arguments[i].getOpcode(Opcodes.ILOAD), saved[i]);
			descriptor.append(arguments[i].getDescriptor());
		}
		tap(hook.target, descriptor.append(")V").toString());
	}

	private void callAtEntry(String target, Type result) {
		loadThis();
		if (hook.field == null) {
			tap(target, "(Ljava/lang/Object;)V");
			return;
		}
		if ("I".equals(fields.get(hook.field))) {
			loadThis();
			mv.visitFieldInsn(Opcodes.GETFIELD, owner, hook.field, "I");
		} else mv.visitInsn(Opcodes.ICONST_M1);
		loadArguments();
		Type[] all = new Type[arguments.length + 1];
		all[0] = Type.INT_TYPE;
		System.arraycopy(arguments, 0, all, 1, arguments.length);
		tap(target, describe(result, OBJECT, all));
	}

	private String fieldType(String name) {
		String type = fields.get(name);
		if (type == null) throw new IllegalStateException(owner + " has no field " + name);
		return type;
	}

	private void loadThis() {
		mv.visitVarInsn(Opcodes.ALOAD, 0);
	}

	private void loadArguments() {
		int slot = 1;
		for (Type argument : arguments) {
			mv.visitVarInsn(argument.getOpcode(Opcodes.ILOAD), slot);
			slot += argument.getSize();
		}
	}

	private void tap(String method, String descriptor) {
		mv.visitMethodInsn(Opcodes.INVOKESTATIC, TAP, method, descriptor, false);
	}

	private static String describe(Type result, Type first, Type[] rest) {
		StringBuilder out = new StringBuilder("(").append(first.getDescriptor());
		for (Type type : rest) out.append(type.getDescriptor());
		return out.append(')').append(result.getDescriptor()).toString();
	}
}
