package polytap.agent;

import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.concurrent.ConcurrentHashMap;

/** Something about objects of the application, by identity, for as long as they live. At most so many. */
final class WeakMap<V> {
	/** What happens with the value when its key is gone. */
	interface Gone<V> {
		void gone(V value);
	}

	private static final class Key extends WeakReference<Object> {
		final int hash;

		Key(Object object, ReferenceQueue<Object> queue) {
			super(object, queue);
			hash = System.identityHashCode(object);
		}

		@Override
		public int hashCode() {
			return hash;
		}

		@Override
		public boolean equals(Object other) {
			if (this == other) return true;
			Object own = get();
			if (own == null) return false;
			if (other instanceof Key) return ((Key) other).get() == own;
			return other instanceof Probe && ((Probe) other).object == own;
		}
	}

	/** For a look-up without a reference object. */
	private static final class Probe {
		final Object object;

		Probe(Object object) {
			this.object = object;
		}

		@Override
		public int hashCode() {
			return System.identityHashCode(object);
		}

		@Override
		public boolean equals(Object other) {
			return other instanceof Key && ((Key) other).get() == object;
		}
	}

	private final ConcurrentHashMap<Object, V> map = new ConcurrentHashMap<Object, V>();
	private final ReferenceQueue<Object> queue = new ReferenceQueue<Object>();
	private final int most;

	WeakMap(int most) {
		this.most = most;
	}

	V get(Object object) {
		return map.get(new Probe(object));
	}

	/** What is there already, or {@code value}; null where the map is full. */
	V add(Object object, V value) {
		V known = get(object);
		if (known != null) return known;
		if (map.size() >= most) return null;
		known = map.putIfAbsent(new Key(object, queue), value);
		return known == null ? value : known;
	}

	V remove(Object object) {
		return map.remove(new Probe(object));
	}

	/** Called now and then by the agent's own thread. */
	void expunge(Gone<V> gone) {
		for (Reference<?> key = queue.poll(); key != null; key = queue.poll()) {
			V value = map.remove(key);
			if (value != null && gone != null) gone.gone(value);
		}
	}

	int size() {
		return map.size();
	}
}
