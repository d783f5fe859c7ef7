import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Enumeration;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.commons.ClassRemapper;
import org.objectweb.asm.commons.Remapper;

/**
 * Packs the agent: its classes and those of ASM that it uses, which get a package of their own so that they meet no other
 * ASM. The same input gives the same bytes: sorted entries, one time, nothing compressed.
 *
 *   java PackJar CLASSES ASM_JAR ASM_COMMONS_JAR VERSION OUT
 */
public final class PackJar {
	private static final String FROM = "org/objectweb/asm/";
	private static final String TO = "polytap/agent/asm/";

	public static void main(String[] arguments) throws IOException {
		TreeMap<String, byte[]> entries = new TreeMap<String, byte[]>();
		addFolder(new File(arguments[0]), "", entries);
		addJar(arguments[1], entries);
		addJar(arguments[2], entries);
		entries.put(
				"META-INF/MANIFEST.MF",
				("Manifest-Version: 1.0\r\n"
								+ "Implementation-Title: polytap-agent\r\n"
								+ "Implementation-Version: " + arguments[3] + "\r\n"
								+ "Premain-Class: polytap.agent.Agent\r\n"
								+ "Agent-Class: polytap.agent.Agent\r\n"
								+ "Can-Retransform-Classes: true\r\n"
								+ "Can-Redefine-Classes: false\r\n\r\n")
						.getBytes(StandardCharsets.UTF_8));
		File out = new File(arguments[4]);
		File part = new File(arguments[4] + ".part");
		try (OutputStream file = new FileOutputStream(part);
				ZipOutputStream zip = new ZipOutputStream(file)) {
			// a jar begins with its manifest
			put(zip, "META-INF/MANIFEST.MF", entries.remove("META-INF/MANIFEST.MF"));
			for (Map.Entry<String, byte[]> each : entries.entrySet()) put(zip, each.getKey(), each.getValue());
		}
		if (!part.renameTo(out)) throw new IOException("cannot write " + out);
	}

	private static void addFolder(File folder, String prefix, Map<String, byte[]> entries) throws IOException {
		File[] files = folder.listFiles();
		if (files == null) throw new IOException(folder + " is no folder");
		for (File file : files) {
			if (file.isDirectory()) addFolder(file, prefix + file.getName() + "/", entries);
			else add(prefix + file.getName(), Files.readAllBytes(file.toPath()), entries);
		}
	}

	private static void addJar(String path, Map<String, byte[]> entries) throws IOException {
		try (ZipFile jar = new ZipFile(path)) {
			for (Enumeration<? extends ZipEntry> all = jar.entries(); all.hasMoreElements(); ) {
				ZipEntry entry = all.nextElement();
				String name = entry.getName();
				// the core, and of the rest the one class that is used
				boolean isCore = name.startsWith(FROM) && name.indexOf('/', FROM.length()) < 0;
				boolean isUsed = name.equals(FROM + "commons/LocalVariablesSorter.class");
				if (name.endsWith(".class") && (isCore || isUsed)) add(name, read(jar.getInputStream(entry)), entries);
			}
		}
	}

	private static void add(String name, byte[] bytes, Map<String, byte[]> entries) {
		if (!name.endsWith(".class")) {
			entries.put(name, bytes);
			return;
		}
		ClassWriter writer = new ClassWriter(0);
		Remapper remapper =
				new Remapper() {
					@Override
					public String map(String internalName) {
						return internalName.startsWith(FROM) ? TO + internalName.substring(FROM.length()) : internalName;
					}
				};
		new ClassReader(bytes).accept(new ClassRemapper(writer, remapper), 0);
		entries.put(name.startsWith(FROM) ? TO + name.substring(FROM.length()) : name, writer.toByteArray());
	}

	private static byte[] read(InputStream in) throws IOException {
		ByteArrayOutputStream out = new ByteArrayOutputStream();
		byte[] buffer = new byte[8192];
		for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) out.write(buffer, 0, n);
		return out.toByteArray();
	}

	private static void put(ZipOutputStream zip, String name, byte[] bytes) throws IOException {
		CRC32 crc = new CRC32();
		crc.update(bytes);
		ZipEntry entry = new ZipEntry(name);
		entry.setMethod(ZipEntry.STORED);
		entry.setSize(bytes.length);
		entry.setCrc(crc.getValue());
		// local time of the zip format: the same everywhere
		entry.setTimeLocal(java.time.LocalDateTime.of(2020, 1, 1, 0, 0));
		zip.putNextEntry(entry);
		zip.write(bytes);
		zip.closeEntry();
	}
}
