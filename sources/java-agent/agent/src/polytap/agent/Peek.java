package polytap.agent;

import java.lang.ref.WeakReference;
import java.lang.reflect.Field;
import java.lang.reflect.Method;

/** A private field, or a public method without arguments, of classes that only the application knows. */
final class Peek {
	private final String name;
	// what was looked up must not keep an application's classes
	private volatile WeakReference<Field> field = new WeakReference<Field>(null);
	private volatile WeakReference<Method> method = new WeakReference<Method>(null);

	Peek(String name) {
		this.name = name;
	}

	/** Null where there is no such field. */
	Object field(Object object) throws Exception {
		if (object == null) return null;
		Field known = field.get();
		if (known == null || !known.getDeclaringClass().isInstance(object)) {
			known = null;
			for (Class<?> each = object.getClass(); each != null && known == null; each = each.getSuperclass()) {
				try {
					known = each.getDeclaredField(name);
				} catch (NoSuchFieldException above) {
					// perhaps in what it extends
				}
			}
			if (known == null) return null;
			known.setAccessible(true);
			field = new WeakReference<Field>(known);
		}
		return known.get(object);
	}

	/** Null where there is no such method. */
	Object call(Object object) throws Exception {
		if (object == null) return null;
		Method known = method.get();
		if (known == null || !known.getDeclaringClass().isInstance(object)) {
			known = publicOne(object.getClass());
			if (known == null) return null;
			method = new WeakReference<Method>(known);
		}
		return known.invoke(object);
	}

	/** The class itself may be hidden: an interface or a parent that has it will do. */
	private Method publicOne(Class<?> type) {
		for (Class<?> each = type; each != null; each = each.getSuperclass()) {
			for (Class<?> one : each.getInterfaces()) {
				Method found = publicOne(one);
				if (found != null) return found;
			}
			if (!java.lang.reflect.Modifier.isPublic(each.getModifiers())) continue;
			try {
				Method found = each.getMethod(name);
				// a public class may have it from a parent that is not
				if (java.lang.reflect.Modifier.isPublic(found.getDeclaringClass().getModifiers())) return found;
			} catch (NoSuchMethodException elsewhere) {
				// perhaps in what it extends
			}
		}
		return null;
	}
}
