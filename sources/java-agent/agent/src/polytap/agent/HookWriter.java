package polytap.agent;

import java.lang.reflect.Method;
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
	private static final Type OBJECT = Type.getType(Object.class);
	private static final Type THROWABLE = Type.getType(Throwable.class);

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
		switch (hook.kind) {
			case Hook.EXIT:
				saveArguments();
				return;
			case Hook.ENTRY:
				loadSelf();
				if (hook.number == null) tap(hook.target, "(Ljava/lang/Object;)V");
				else tap(hook.target, describe(Type.VOID_TYPE, loadNumber(), loadArguments()));
				return;
			case Hook.TRANSFER:
				loadSelf();
				tap("enter" + hook.target, describe(OBJECT, loadNumber(), loadArguments()));
				break;
			case Hook.SCOPE:
				loadSelf();
				loadObject(0);
				loadObject(1);
				tap("enter" + hook.target, describe(OBJECT, OBJECT, OBJECT));
				break;
			default:
				loadSelf();
				tap("enter" + hook.target, describe(OBJECT, loadArguments()));
		}
		entered = newLocal(OBJECT);
		mv.visitVarInsn(Opcodes.ASTORE, entered);
		if (hook.kind == Hook.SCOPE) mv.visitLabel(begin);
	}

	@Override
	public void visitInsn(int opcode) {
		if (opcode >= Opcodes.IRETURN && opcode <= Opcodes.RETURN) {
			if (hook.kind == Hook.AROUND) {
				mv.visitInsn(Opcodes.DUP);
				mv.visitVarInsn(Opcodes.ALOAD, entered);
				loadSelf();
				tap("exit" + hook.target, "(Ljava/lang/Object;Ljava/lang/Object;Ljava/lang/Object;)V");
			} else if (hook.kind == Hook.EXIT) callAtExit(opcode);
			else if (hook.kind == Hook.SCOPE) {
				mv.visitInsn(Opcodes.ACONST_NULL);
				endScope();
			} else if (hook.kind == Hook.TRANSFER) {
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
			mv.visitInsn(Opcodes.DUP);
			endScope();
			mv.visitInsn(Opcodes.ATHROW);
		}
		super.visitMaxs(maxStack, maxLocals);
	}

	/** What was thrown, or null, is on the stack. */
	private void endScope() {
		mv.visitVarInsn(Opcodes.ALOAD, entered);
		tap("exit" + hook.target, Type.getMethodDescriptor(Type.VOID_TYPE, THROWABLE, OBJECT));
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
		for (int i = 0; i < hook.arguments; i++) {
			saved[i] = newLocal(arguments[i]);
			mv.visitVarInsn(arguments[i].getOpcode(Opcodes.ILOAD), slot(i));
			mv.visitVarInsn(arguments[i].getOpcode(Opcodes.ISTORE), saved[i]);
		}
	}

	private void callAtExit(int opcode) {
		StringBuilder descriptor = new StringBuilder("(");
		if (opcode == Opcodes.IRETURN) {
			mv.visitInsn(Opcodes.DUP);
			descriptor.append('I');
		}
		loadSelf();
		descriptor.append("Ljava/lang/Object;");
		for (int i = 0; i < saved.length; i++) {
			mv.visitVarInsn(arguments[i].getOpcode(Opcodes.ILOAD), saved[i]);
			descriptor.append(passed(arguments[i]).getDescriptor());
		}
		tap(hook.target, descriptor.append(")V").toString());
	}

	private void loadSelf() {
		mv.visitVarInsn(Opcodes.ALOAD, 0);
		if (hook.self == null) return;
		String type = fields.get(hook.self);
		if (type == null) throw new IllegalStateException(owner + " has no field " + hook.self);
		mv.visitFieldInsn(Opcodes.GETFIELD, owner, hook.self, type);
	}

	private Type loadNumber() {
		if ("I".equals(fields.get(hook.number))) {
			mv.visitVarInsn(Opcodes.ALOAD, 0);
			mv.visitFieldInsn(Opcodes.GETFIELD, owner, hook.number, "I");
		} else mv.visitInsn(Opcodes.ICONST_M1);
		return Type.INT_TYPE;
	}

	private Type[] loadArguments() {
		Type[] types = new Type[arguments.length];
		for (int i = 0; i < arguments.length; i++) {
			mv.visitVarInsn(arguments[i].getOpcode(Opcodes.ILOAD), slot(i));
			types[i] = passed(arguments[i]);
		}
		return types;
	}

	private void loadObject(int i) {
		boolean isObject = i < arguments.length && arguments[i].getSort() >= Type.ARRAY;
		if (isObject) mv.visitVarInsn(Opcodes.ALOAD, slot(i));
		else mv.visitInsn(Opcodes.ACONST_NULL);
	}

	private int slot(int argument) {
		int slot = 1;
		for (int i = 0; i < argument; i++) slot += arguments[i].getSize();
		return slot;
	}

	/** Classes of the application are not known here. */
	private static Type passed(Type type) {
		String descriptor = type.getDescriptor();
		int name = descriptor.indexOf('L') + 1;
		boolean isKnown = descriptor.startsWith("java/", name) && !descriptor.startsWith("java/sql/", name);
		return name == 0 || isKnown ? type : OBJECT;
	}

	/** A call of what is not there would be the application's error: the class is left as it was instead. */
	private void tap(String method, String descriptor) {
		if (!isThere(method, descriptor)) throw new IllegalStateException("there is no " + hook.tap + "." + method + descriptor);
		mv.visitMethodInsn(Opcodes.INVOKESTATIC, "polytap/agent/" + hook.tap, method, descriptor, false);
	}

	private boolean isThere(String method, String descriptor) {
		Class<?> tap = Tap.find("polytap.agent." + hook.tap);
		if (tap == null) return false;
		for (Method each : tap.getMethods())
			if (each.getName().equals(method) && Type.getMethodDescriptor(each).equals(descriptor)) return true;
		return false;
	}

	/** Behind {@code this}. */
	private static String describe(Type result, Type... rest) {
		StringBuilder out = new StringBuilder("(").append(OBJECT.getDescriptor());
		for (Type type : rest) out.append(type.getDescriptor());
		return out.append(')').append(result.getDescriptor()).toString();
	}

	private static String describe(Type result, Type first, Type[] rest) {
		Type[] all = new Type[rest.length + 1];
		all[0] = first;
		System.arraycopy(rest, 0, all, 1, rest.length);
		return describe(result, all);
	}
}
