package inpod.endtoend;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.AfterClass;
import org.junit.Before;
import org.junit.BeforeClass;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.Timeout;

/** `inpod-gdb` and `inpod-lldb` in the place of the debugger, on the demo's pod. */
public class WrapperRouteTest {
  @Rule public final Timeout bound = Timeout.seconds(240);

  private static Demo demo;

  @BeforeClass
  public static void up() throws Exception {
    demo = new Demo();
  }

  @AfterClass
  public static void down() throws Exception {
    demo.close();
  }

  @Before
  public void noConfig() throws IOException {
    Files.deleteIfExists(demo.home.resolve(".inpod/config.yaml"));
  }

  private static void configure() throws Exception {
    Files.createDirectories(demo.home.resolve(".inpod"));
    Files.writeString(demo.home.resolve(".inpod/config.yaml"), "target: " + demo.targetName() + "\nincoming: {mode: steal}\n");
    output(demo.bin.resolve("inpod"), List.of("trust", "--yes"));
  }

  private static Mi gdb(Map<String, String> more) throws IOException {
    Map<String, String> environment = new LinkedHashMap<>(demo.environment);
    environment.putAll(more);
    return new Mi(List.of(demo.bin.resolve("inpod-gdb").toString(), "--interpreter=mi2", "-q", "-nx"), environment, demo.home);
  }

  private static String output(Path program, List<String> arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of(program.toString()));
    command.addAll(arguments);
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().clear();
    builder.environment().putAll(demo.environment);
    Path log = demo.home.resolve("output.log");
    Process process = builder.directory(demo.home.toFile()).redirectInput(Path.of("/dev/null").toFile()).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    if (!process.waitFor(120, TimeUnit.SECONDS)) {
      process.destroyForcibly().waitFor();
      throw new AssertionError(command + " does not end: " + Files.readString(log));
    }
    return Files.readString(log);
  }

  private static List<Long> holders() {
    return ProcessHandle.allProcesses().filter(process -> process.info().command().filter(demo.bin.resolve("inpod").toString()::equals).isPresent())
        .filter(process -> process.info().arguments().map(a -> String.join(" ", a)).orElse("").contains("gdb-wrapper")).map(ProcessHandle::pid).toList();
  }

  @Test
  public void versionIsGdbsOwn() throws Exception {
    assertEquals(output(Path.of("/usr/bin/gdb"), List.of("--version")), output(demo.bin.resolve("inpod-gdb"), List.of("--version")));
  }

  @Test
  public void aShellThatIsSwitchedOffLaterIsPutBack() throws Exception {
    configure();
    String text = output(demo.bin.resolve("inpod-gdb"),
        List.of("-nx", "-q", "-batch", "-ex", "set startup-with-shell off", "-ex", "run", "--args", "/bin/cat", "/etc/hostname"));
    assertTrue(text, text.contains("web-0"));
  }

  @Test
  public void stopsOnARequestInjectsNothingElseAndEndsItsSession() throws Exception {
    configure();
    Process process;
    try (Mi gdb = gdb(Map.of())) {
      process = gdb.process;
      assertEquals("MI begins as ever", "(gdb) ", gdb.record(line -> line.startsWith("(gdb)"), 60));
      gdb.must("-file-exec-and-symbols \"" + demo.web + "\"");
      gdb.must("-exec-arguments " + demo.port);
      gdb.must("-gdb-set environment MINE=1");
      gdb.must("-break-insert \"" + demo.source + ":" + demo.breakpointLine() + "\"");
      gdb.must("-exec-run");
      gdb.record(line -> line.startsWith("*stopped") && line.contains("breakpoint-hit"), 120);
      long pid = gdb.debuggee();
      assertTrue(Layer.isIn(pid));
      assertFalse("the layer is in gdb", Layer.isIn(gdb.process.pid()));
      assertTrue(gdb.must("-data-evaluate-expression color").contains("teal"));
      String environment = new String(Files.readAllBytes(Path.of("/proc/" + pid + "/environ")));
      assertTrue("the run configuration's own variable", ("\0" + environment).contains("\0MINE=1\0"));
      assertEquals(demo.web, Path.of("/proc/" + pid + "/exe").toRealPath());
      assertEquals(1, holders().size());
      gdb.must("-break-delete");
      gdb.must("-exec-continue");
      demo.answer(line -> line.contains("\"process\": " + pid + "}"), 60);
      gdb.interrupt();
    }
    assertEquals(0, process.exitValue());
    for (long holder : holders()) ProcessHandle.of(holder).ifPresent(p -> p.onExit().orTimeout(20, TimeUnit.SECONDS).join());
    demo.forgetAnswers();
    demo.answer(line -> line.contains("\"process\": 1}") || line.contains("\"hostname\": \"web-0\""), 60);
  }

  @Test
  public void theRunConfigurationMayNameTheTarget() throws Exception {
    String said = output(demo.bin.resolve("inpod-gdb"), List.of("-q", "-nx", "-batch", "-ex", "set environment INPOD_TARGET=" + demo.targetName(), "-ex", "run", "--args",
        "/bin/cat", "/etc/hostname"));
    assertTrue(said, said.contains("web-0\n"));
  }

  @Test
  public void withoutATargetTheProgramRunsHereAndSaysSo() throws Exception {
    String said = output(demo.bin.resolve("inpod-gdb"), List.of("-q", "-nx", "-batch", "-ex", "run", "--args", "/bin/echo", "it's  here"));
    assertTrue(said, said.contains("it's  here\n") && said.contains("no target is named"));
  }

  @Test
  public void aSessionThatCannotBeHadStartsNothing() throws Exception {
    String said = output(demo.bin.resolve("inpod-gdb"), List.of("-q", "-nx", "-batch", "-ex", "set environment INPOD_TARGET=local:999999999", "-ex", "run", "--args",
        "/bin/echo", "it ran"));
    assertFalse(said, said.lines().anyMatch("it ran"::equals));
    assertTrue(said, said.contains("999999999"));
  }

  @Test
  public void aStaticProgramIsRefused() throws Exception {
    configure();
    String said = output(demo.bin.resolve("inpod-gdb"), List.of("-q", "-nx", "-batch", "-ex", "run", "--args", "/bin/busybox", "echo", "it ran"));
    assertFalse(said, said.lines().anyMatch("it ran"::equals));
    assertTrue(said, said.contains("static"));
  }

  @Test
  public void lldbRunsTheProgramOnItsCommandLineInThePod() throws Exception {
    configure();
    String said = output(demo.bin.resolve("inpod-lldb"), List.of("--no-lldbinit", "-b", "-o", "run", "--", "/bin/cat", "/etc/hostname"));
    assertTrue(said, said.lines().anyMatch(line -> line.strip().equals("web-0")));
  }
}
