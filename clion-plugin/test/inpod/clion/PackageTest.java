package inpod.clion;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertTrue;

import inpod.api.CompareApi;
import java.io.File;
import java.io.InputStream;
import java.lang.reflect.Constructor;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.Test;

/** The package as users install it, against the real classes and loaders that can be had without a CLion. */
public class PackageTest {
  private static final Path JAR = Path.of(System.getProperty("inpod.jar"));
  private static final List<Path> DEBIAN = paths("inpod.debian"), KOTLIN = paths("inpod.kotlin");
  private static final Pattern NAMED = Pattern.compile("\"(inpod\\.clion\\.[A-Za-z.$]+)\"");

  private static List<Path> paths(String property) {
    return Stream.of(System.getProperty(property).split(":")).map(Path::of).toList();
  }

  private static String text(String name) throws Exception {
    try (ZipFile jar = new ZipFile(JAR.toFile()); InputStream in = jar.getInputStream(jar.getEntry(name))) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private static Set<String> entries() throws Exception {
    try (ZipFile jar = new ZipFile(JAR.toFile())) {
      return new TreeSet<>(jar.stream().map(ZipEntry::getName).toList());
    }
  }

  @Test
  public void noStubIsInTheJar() throws Exception {
    for (String entry : entries()) assertTrue(entry, entry.startsWith("inpod/") || entry.startsWith("META-INF/") || entry.startsWith("icons/"));
  }

  @Test
  public void theBytecodeIsJava17s() throws Exception {
    try (ZipFile jar = new ZipFile(JAR.toFile())) {
      for (ZipEntry entry : jar.stream().filter(e -> e.getName().endsWith(".class")).toList()) {
        try (InputStream in = jar.getInputStream(entry)) {
          assertEquals(entry.getName(), 61, new CompareApi.ClassFile(in).major);
        }
      }
    }
  }

  @Test
  public void everyClassThatADescriptorNamesIsThere() throws Exception {
    Set<String> entries = entries();
    int named = 0;
    for (String descriptor : List.of("META-INF/plugin.xml", "META-INF/inpod-clion.xml", "META-INF/inpod-classes.xml")) {
      Matcher names = NAMED.matcher(text(descriptor));
      while (names.find()) {
        assertTrue(names.group(1), entries.contains(names.group(1).replace('.', '/') + ".class"));
        ++named;
      }
    }
    assertEquals(8, named);
    Matcher icons = Pattern.compile("icon=\"/([^\"]+)\"").matcher(text("META-INF/plugin.xml"));
    while (icons.find()) assertTrue(icons.group(1), entries.contains(icons.group(1)) && entries.contains(icons.group(1).replace(".svg", "_dark.svg")));
  }

  @Test
  public void onlyStubbedNamesAreUsed() throws Exception {
    Set<String> stubs = new TreeSet<>();
    for (CompareApi.ClassFile stub : CompareApi.folder(Path.of(System.getProperty("inpod.stubs")))) stubs.add(stub.name);
    for (CompareApi.ClassFile type : CompareApi.folder(Path.of(System.getProperty("inpod.classes")))) {
      for (String name : type.named) {
        if (name.startsWith("com/")) assertTrue(type.name + " uses " + name, stubs.contains(name));
        assertFalse(type.name + " names " + name, name.contains("CMake") || name.contains("CidrLauncher"));
      }
    }
  }

  private static void compare(List<Path> real, int atLeast, Set<String> newer) throws Exception {
    List<CompareApi.ClassFile> stubs = CompareApi.folder(Path.of(System.getProperty("inpod.stubs")));
    Map<String, List<String>> compared = CompareApi.compare(stubs, new CompareApi.ClassPath(real));
    List<String> differences = new ArrayList<>();
    compared.forEach((name, found) -> found.forEach(difference -> differences.add(name + " " + difference)));
    differences.removeIf(newer::contains);
    assertEquals(List.of(), differences);
    assertTrue(compared.size() + " classes could be compared: " + compared.keySet(), compared.size() >= atLeast);
  }

  /** Platform 2018.3: what came later is listed here, so that nothing else can. */
  @Test
  public void theStubsAgreeWithDebiansPlatform() throws Exception {
    compare(DEBIAN, 15, Set.of("com/intellij/openapi/actionSystem/AnAction has no getActionUpdateThread()Lcom/intellij/openapi/actionSystem/ActionUpdateThread;",
        "com/intellij/openapi/components/ComponentManager has no getService(Ljava/lang/Class;)Ljava/lang/Object;",
        "com/intellij/openapi/application/Application has no getService(Ljava/lang/Class;)Ljava/lang/Object;"));
  }

  /** The platform of 2025 that Kotlin's compiler carries, cut down to what the compiler uses. */
  @Test
  public void theStubsAgreeWithTheModernCore() throws Exception {
    compare(KOTLIN, 12, Set.of("com/intellij/openapi/progress/Task has no queue()V",
        "com/intellij/openapi/progress/Task$Backgroundable has no <init>(Lcom/intellij/openapi/project/Project;Ljava/lang/String;Z)V"));
  }

  /** A class loader of its own for each, as both have the same names. */
  private static URLClassLoader loader(List<Path> jars) throws Exception {
    List<URL> urls = new ArrayList<>();
    for (Path jar : jars) urls.add(jar.toUri().toURL());
    urls.add(PackageTest.class.getProtectionDomain().getCodeSource().getLocation());
    return new URLClassLoader(urls.toArray(URL[]::new), ClassLoader.getPlatformClassLoader());
  }

  /** It compares build numbers, so it wants an IDE's folder with one. */
  private Object readBy183(ClassLoader loader, Path descriptor) throws Exception {
    Path home = descriptor.getParent();
    Files.writeString(home.resolve("build.txt"), "CL-251.23774");
    System.setProperty("idea.home.path", home.toString());
    Class<?> type = loader.loadClass("com.intellij.ide.plugins.IdeaPluginDescriptorImpl");
    Constructor<?> constructor = type.getDeclaredConstructor(File.class, boolean.class);
    Object plugin = constructor.newInstance(JAR.toFile(), false);
    type.getMethod("readExternal", URL.class).invoke(plugin, descriptor.toUri().toURL());
    return plugin;
  }

  private static Object call(Object of, String method) throws Exception {
    var found = of.getClass().getDeclaredMethod(method);
    found.setAccessible(true);
    return found.invoke(of);
  }

  private static Path unpacked(String name) throws Exception {
    Path folder = Files.createTempDirectory("inpod-descriptor");
    Path file = folder.resolve(name);
    Files.writeString(file, text("META-INF/" + name));
    file.toFile().deleteOnExit();
    folder.toFile().deleteOnExit();
    return file;
  }

  @Test
  public void theOldLoaderReadsTheDescriptors() throws Exception {
    try (URLClassLoader loader = loader(DEBIAN)) {
      Object plugin = readBy183(loader, unpacked("plugin.xml"));
      assertEquals("inpod", call(plugin, "getPluginId").toString());
      assertEquals(System.getProperty("inpod.version"), call(plugin, "getVersion"));
      assertEquals("251", call(plugin, "getSinceBuild"));
      Map<?, ?> optional = (Map<?, ?>) call(plugin, "getOptionalConfigs");
      assertEquals(4, optional.size());
      assertTrue(optional.toString(), optional.toString().contains("inpod-clion.xml"));
      assertEquals(2, ((List<?>) call(plugin, "getActionsDescriptionElements")).size());
      String extensions = call(plugin, "getExtensions").toString();
      for (String point : List.of("applicationService", "projectService", "projectConfigurable", "notificationGroup")) {
        assertTrue(extensions, extensions.contains("com.intellij." + point));
      }
      assertTrue(call(readBy183(loader, unpacked("inpod-clion.xml")), "getExtensions").toString().contains("cidr.runConfigurationExtension"));
    }
  }

  private static Object field(Object of, String name) throws Exception {
    var field = of.getClass().getField(name);
    return field.get(of);
  }

  @Test
  public void theModernLoaderReadsTheDescriptors() throws Exception {
    try (URLClassLoader loader = loader(KOTLIN)) {
      Class<?> reader = loader.loadClass("com.intellij.ide.plugins.PluginDescriptorLoader");
      var load = reader.getMethod("loadForCoreEnv", Path.class, String.class);
      Object plugin = load.invoke(null, JAR, "plugin.xml");
      assertNotNull("the loader refuses plugin.xml", plugin);
      assertEquals("inpod", call(plugin, "getPluginId").toString());
      assertEquals("251", call(plugin, "getSinceBuild"));
      String points = ((Map<?, ?>) field(plugin, "epNameToExtensions")).keySet().toString();
      assertTrue(points, points.contains("com.intellij.projectConfigurable") && points.contains("com.intellij.notificationGroup"));
      assertEquals(2, ((List<?>) field(plugin, "actions")).size());
      List<?> dependencies = (List<?>) field(plugin, "pluginDependencies");
      String names = dependencies.toString();
      assertTrue(names, names.contains("com.intellij.clion") && names.contains("inpod-clion.xml") && names.contains("com.intellij.nativeDebug"));
      // It follows config-file by itself; for a plug-in that is not there, it leaves the descriptor aside.
      Object clion = dependencies.stream().filter(dependency -> dependency.toString().contains("com.intellij.clion")).findFirst().orElseThrow();
      Object optional = field(clion, "subDescriptor");
      assertNotNull("the loader did not read inpod-clion.xml", optional);
      assertEquals(Set.of("cidr.runConfigurationExtension"), ((Map<?, ?>) field(optional, "epNameToExtensions")).keySet());
    }
  }

  /** docs/clion.md has the table of names for people; it must be this one. */
  @Test
  public void theNamesUsedAreDocumented() throws Exception {
    String page = Files.readString(Path.of(System.getProperty("inpod.docs")));
    for (CompareApi.ClassFile stub : CompareApi.folder(Path.of(System.getProperty("inpod.stubs")))) {
      String simple = stub.name.substring(stub.name.lastIndexOf('/') + 1).replace('$', '.');
      assertTrue(stub.name + " is not in docs/clion.md", page.contains("`" + simple + "`") || page.contains("`" + simple.replaceAll("\\..*", "") + "`"));
    }
  }
}
