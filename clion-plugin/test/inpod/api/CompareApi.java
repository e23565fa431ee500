package inpod.api;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * Compares the API stubs with real classes, as the JVM would link them: does the class exist, is it still a class or an interface, has it
 * (or what it extends) each member with the same descriptor and the same staticness, and is what the plug-in overrides not final? And
 * for the classes that the plug-in extends: is there an abstract method that it does not implement? Reads class files itself,
 * so the JDK may be older than the classes. Also a program: CompareApi STUBS CLASSES JAR:JAR:…
 */
public final class CompareApi {
  static final int STATIC = 8, FINAL = 16, PRIVATE = 2, INTERFACE = 0x200, ABSTRACT = 0x400, SYNTHETIC = 0x1000;

  /** What of a class file matters for linking. */
  public static final class ClassFile {
    public final int major;
    public final int flags;
    public final String name, parent;
    public final List<String> interfaces = new ArrayList<>();
    /** name + descriptor (methods), name + ":" + descriptor (fields) → access flags */
    public final Map<String, Integer> members = new TreeMap<>();
    /** classes named anywhere in the constant pool */
    public final Set<String> named = new TreeSet<>();

    public ClassFile(InputStream stream) throws IOException {
      DataInputStream in = new DataInputStream(stream);
      if (in.readInt() != 0xCAFEBABE) throw new IOException("no class file");
      in.readUnsignedShort();
      major = in.readUnsignedShort();
      Object[] pool = pool(in);
      flags = in.readUnsignedShort();
      name = className(pool, in.readUnsignedShort());
      parent = className(pool, in.readUnsignedShort());
      for (int left = in.readUnsignedShort(); left > 0; --left) interfaces.add(className(pool, in.readUnsignedShort()));
      readMembers(in, pool, ":");
      readMembers(in, pool, "");
      for (int i = 1; i < pool.length; ++i) {
        if (pool[i] instanceof Integer) named.add(className(pool, i));
      }
    }

    private static Object[] pool(DataInputStream in) throws IOException {
      Object[] pool = new Object[in.readUnsignedShort()];
      for (int i = 1; i < pool.length; ++i) {
        int tag = in.readUnsignedByte();
        switch (tag) {
          case 1 -> pool[i] = in.readUTF();
          case 7 -> pool[i] = in.readUnsignedShort();
          case 3, 4, 9, 10, 11, 12, 17, 18 -> in.readInt();
          case 5, 6 -> {
            in.readLong();
            ++i;
          }
          case 8, 16, 19, 20 -> in.readUnsignedShort();
          case 15 -> in.skipBytes(3);
          default -> throw new IOException("constant of unknown kind " + tag);
        }
      }
      return pool;
    }

    private static String className(Object[] pool, int index) {
      return index == 0 ? "" : (String) pool[(Integer) pool[index]];
    }

    private void readMembers(DataInputStream in, Object[] pool, String between) throws IOException {
      for (int left = in.readUnsignedShort(); left > 0; --left) {
        int access = in.readUnsignedShort();
        members.put(pool[in.readUnsignedShort()] + between + pool[in.readUnsignedShort()], access);
        for (int attributes = in.readUnsignedShort(); attributes > 0; --attributes) {
          in.readUnsignedShort();
          in.skipNBytes(Integer.toUnsignedLong(in.readInt()));
        }
      }
    }

    boolean is(int flag) {
      return (flags & flag) != 0;
    }
  }

  /** Classes by name, from jars or folders, read when asked for. */
  public static final class ClassPath {
    private final Map<String, ClassFile> known = new HashMap<>();
    private final List<Path> places;
    private final Map<String, Path> index = new HashMap<>();

    public ClassPath(List<Path> places) throws IOException {
      this.places = places;
      for (Path place : places) {
        if (Files.isDirectory(place)) continue;
        try (ZipFile zip = new ZipFile(place.toFile())) {
          zip.stream().map(ZipEntry::getName).filter(n -> n.endsWith(".class")).forEach(n -> index.putIfAbsent(n.substring(0, n.length() - 6), place));
        }
      }
    }

    public ClassFile find(String name) throws IOException {
      if (!known.containsKey(name)) known.put(name, read(name));
      return known.get(name);
    }

    private ClassFile read(String name) throws IOException {
      for (Path place : places) {
        Path file = place.resolve(name + ".class");
        if (!Files.isDirectory(place) || !Files.isRegularFile(file)) continue;
        try (InputStream in = Files.newInputStream(file)) {
          return new ClassFile(in);
        }
      }
      Path jar = index.get(name);
      if (jar == null) return null;
      try (ZipFile zip = new ZipFile(jar.toFile()); InputStream in = zip.getInputStream(zip.getEntry(name + ".class"))) {
        return new ClassFile(in);
      }
    }

    /** Flags of a member, looked up as the JVM does: the class, what it extends, what it implements. Null: none. */
    Integer member(String type, String member) throws IOException {
      ClassFile file = find(type);
      if (file == null) return null;
      Integer own = file.members.get(member);
      if (own != null) return own;
      List<String> above = new ArrayList<>(file.interfaces);
      above.add(0, file.parent);
      for (String next : above) {
        Integer inherited = next.isEmpty() ? null : member(next, member);
        if (inherited != null) return inherited;
      }
      return null;
    }
  }

  /** One line per stub class that the real ones know: the class, then what differs (nothing: all is well). */
  public static Map<String, List<String>> compare(List<ClassFile> stubs, ClassPath real) throws IOException {
    Map<String, List<String>> result = new LinkedHashMap<>();
    for (ClassFile stub : stubs) {
      ClassFile file = real.find(stub.name);
      if (file == null) continue;
      List<String> differences = new ArrayList<>();
      if (stub.is(INTERFACE) != file.is(INTERFACE)) differences.add("is now " + (file.is(INTERFACE) ? "an interface" : "a class"));
      for (Map.Entry<String, Integer> member : stub.members.entrySet()) {
        if ((member.getValue() & SYNTHETIC) != 0 || member.getKey().startsWith("<clinit>") || invented(stub, member.getKey())) continue;
        Integer flags = real.member(stub.name, member.getKey());
        if (flags == null) {
          differences.add("has no " + member.getKey());
        } else if ((flags & STATIC) != (member.getValue() & STATIC)) {
          differences.add(member.getKey() + ((flags & STATIC) != 0 ? " is now static" : " is no longer static"));
        } else if ((flags & PRIVATE) != 0) {
          differences.add(member.getKey() + " is private");
        }
      }
      result.put(stub.name, differences);
    }
    return result;
  }

  /** Constructors and enum helpers that javac adds to a stub, and that nobody calls. */
  private static boolean invented(ClassFile stub, String member) {
    return member.startsWith("<init>") && !stub.name.endsWith("/AnAction") && !stub.name.endsWith("BaseListPopupStep")
        && !stub.name.endsWith("$Backgroundable") && !stub.name.endsWith("Exception") && !stub.name.endsWith("ExtensionBase")
        || member.startsWith("valueOf") || member.startsWith("values") || member.startsWith("$");
  }

  /** What the plug-in's classes override or fail to implement in the real ones. */
  public static List<String> inheritance(List<ClassFile> ours, ClassPath real) throws IOException {
    List<String> problems = new ArrayList<>();
    for (ClassFile type : ours) {
      List<String> parents = new ArrayList<>(type.interfaces);
      parents.add(type.parent);
      for (String parent : parents) {
        if (real.find(parent) == null) continue;
        for (String member : type.members.keySet()) {
          Integer flags = member.startsWith("<") ? null : real.member(parent, member);
          if (flags != null && (flags & (FINAL | STATIC | PRIVATE)) == FINAL) problems.add(type.name + " overrides the final " + parent + "." + member);
        }
        if (type.is(ABSTRACT)) continue;
        Set<String> missing = new TreeSet<>();
        abstractMethods(real, parent, type, missing, new HashSet<>());
        for (String member : missing) problems.add(type.name + " does not implement " + member + " of " + parent);
      }
    }
    return problems;
  }

  private static void abstractMethods(ClassPath real, String name, ClassFile type, Set<String> missing, Set<String> seen) throws IOException {
    ClassFile file = real.find(name);
    if (file == null || !seen.add(name)) return;
    for (Map.Entry<String, Integer> member : file.members.entrySet()) {
      if ((member.getValue() & ABSTRACT) == 0 || type.members.containsKey(member.getKey())) continue;
      Integer flags = real.member(type.parent, member.getKey());
      if (flags == null || (flags & ABSTRACT) != 0) missing.add(member.getKey());
    }
    abstractMethods(real, file.parent, type, missing, seen);
    for (String next : file.interfaces) abstractMethods(real, next, type, missing, seen);
  }

  public static List<ClassFile> folder(Path folder) throws IOException {
    List<ClassFile> classes = new ArrayList<>();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".class")).sorted().toList()) {
        try (InputStream in = Files.newInputStream(file)) {
          classes.add(new ClassFile(in));
        }
      }
    }
    return classes;
  }

  public static void main(String[] arguments) throws IOException {
    ClassPath real = new ClassPath(Stream.of(arguments[2].split(":")).map(Path::of).toList());
    List<ClassFile> stubs = folder(Path.of(arguments[0]));
    Map<String, List<String>> compared = compare(stubs, real);
    int drift = 0;
    for (ClassFile stub : stubs) {
      List<String> differences = compared.get(stub.name);
      if (differences == null) differences = List.of("is not there");
      for (String difference : differences) System.out.println(stub.name.replace('/', '.') + " " + difference);
      drift += differences.size();
    }
    for (String problem : inheritance(folder(Path.of(arguments[1])), real)) {
      System.out.println(problem.replace('/', '.'));
      ++drift;
    }
    System.out.println(stubs.size() + " classes compared, " + drift + " differences");
    System.exit(drift == 0 ? 0 : 1);
  }
}
