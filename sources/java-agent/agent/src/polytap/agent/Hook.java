package polytap.agent;

/** One method and what it calls. */
final class Hook {
	/** Calls Tap at the entry. */
	static final int ENTRY = 0;
	/** Calls Tap before each return, with the arguments as they were at the entry. */
	static final int EXIT = 1;
	/** Both; what the entry returns is given to the exit. */
	static final int AROUND = 2;
	/** Both, and the exit is called where the method throws, too. {@code this} and the first argument are passed. */
	static final int SCOPE = 3;
	/** The entry is given the int field behind {@code this} and the arguments, the exit the number that is returned. */
	static final int TRANSFER = 4;

	final int kind;
	final String method;
	final String descriptor;
	/** Of Tap; of AROUND the second half of the name. */
	final String target;
	/**
	 * ENTRY: an int field that is passed behind {@code this}, or null. EXIT: the field that is passed in place of {@code
	 * this}; empty: {@code this} itself.
	 */
	final String field;
	/** EXIT: so many arguments are passed. */
	final int arguments;
	String id = "";

	private Hook(int kind, String method, String descriptor, String target, String field, int arguments) {
		this.kind = kind;
		this.method = method;
		this.descriptor = descriptor;
		this.target = target;
		this.field = field;
		this.arguments = arguments;
	}

	static Hook entry(String method, String descriptor, String target, String field) {
		return new Hook(ENTRY, method, descriptor, target, field, 0);
	}

	static Hook exit(String method, String descriptor, String target, String field, int arguments) {
		return new Hook(EXIT, method, descriptor, target, field, arguments);
	}

	static Hook transfer(String method, String descriptor, String target, String field) {
		return new Hook(TRANSFER, method, descriptor, target, field, 0);
	}

	static Hook scope(String method, String descriptor, String target) {
		return new Hook(SCOPE, method, descriptor, target, "", 1);
	}

	/** A descriptor that ends with a star fits to all that begin with it. */
	boolean fits(String name, String actual) {
		if (!method.equals(name)) return false;
		return descriptor.endsWith("*")
				? actual.startsWith(descriptor.substring(0, descriptor.length() - 1))
				: descriptor.equals(actual);
	}

	static Hook around(String method, String descriptor, String target) {
		return new Hook(AROUND, method, descriptor, target, "", 0);
	}
}
