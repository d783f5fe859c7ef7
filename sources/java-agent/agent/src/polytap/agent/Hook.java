package polytap.agent;

/** One method and what it calls. */
final class Hook {
	/** Calls at the entry. */
	static final int ENTRY = 0;
	/** Calls before each return, with the arguments as they were at the entry. */
	static final int EXIT = 1;
	/** Both; what the entry returns is given to the exit, with the result. */
	static final int AROUND = 2;
	/**
	 * Both, and the exit is called where the method throws, too, and is given what it throws. The entry is given {@code this}
	 * and the first two arguments, null where they are no objects.
	 */
	static final int SCOPE = 3;
	/** The entry is given the int field behind {@code this} and the arguments, the exit the number that is returned. */
	static final int TRANSFER = 4;

	final int kind;
	final String method;
	final String descriptor;
	/** Method that is called; of AROUND, SCOPE and TRANSFER what stands behind "enter" and "exit". */
	final String target;
	/** ENTRY, TRANSFER: an int field that is passed behind {@code this} and before the arguments, -1 where there is none; null: neither. */
	final String number;
	/** EXIT: so many arguments are passed. */
	final int arguments;
	/** ENTRY, EXIT: the field that is passed in place of {@code this}, or null. */
	String self;
	/** The class that is called. */
	String tap = "";
	String id = "";

	private Hook(int kind, String method, String descriptor, String target, String number, int arguments) {
		this.kind = kind;
		this.method = method;
		this.descriptor = descriptor;
		this.target = target;
		this.number = number;
		this.arguments = arguments;
	}

	static Hook entry(String method, String descriptor, String target) {
		return new Hook(ENTRY, method, descriptor, target, null, 0);
	}

	/** With a number, and all arguments. */
	static Hook entry(String method, String descriptor, String target, String number) {
		return new Hook(ENTRY, method, descriptor, target, number, 0);
	}

	static Hook exit(String method, String descriptor, String target, int arguments) {
		return new Hook(EXIT, method, descriptor, target, null, arguments);
	}

	static Hook transfer(String method, String descriptor, String target, String number) {
		return new Hook(TRANSFER, method, descriptor, target, number, 0);
	}

	static Hook scope(String method, String descriptor, String target) {
		return new Hook(SCOPE, method, descriptor, target, null, 0);
	}

	static Hook around(String method, String descriptor, String target) {
		return new Hook(AROUND, method, descriptor, target, null, 0);
	}

	Hook of(String field) {
		self = field;
		return this;
	}

	/** A descriptor that ends with a star fits to all that begin with it. */
	boolean fits(String name, String actual) {
		if (!method.equals(name)) return false;
		return descriptor.endsWith("*")
				? actual.startsWith(descriptor.substring(0, descriptor.length() - 1))
				: descriptor.equals(actual);
	}
}
