package inpod.endtoend;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import inpod.session.InpodException;
import inpod.session.LaunchWatch;
import inpod.session.Overlay;
import inpod.session.SessionClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.AfterClass;
import org.junit.BeforeClass;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.Timeout;

/** The plug-in's session and overlay, with the programs that CLion would start, on the demo's pod; no IDE. */
public class PluginRouteTest {
  @Rule public final Timeout bound = Timeout.seconds(180);

  private static Demo demo;

  @BeforeClass
  public static void up() throws Exception {
    demo = new Demo();
  }

  @AfterClass
  public static void down() throws Exception {
    demo.close();
  }

  /** Which processes have loaded the layer, as the session tells it. */
  private final List<String> injected = Collections.synchronizedList(new ArrayList<>());

  private SessionClient open() throws InpodException {
    return SessionClient.start(demo.inpod(), demo.target(), List.of("--steal"), Duration.ofSeconds(60), new SessionClient.Listener() {
      @Override
      public void process(String what, long pid, String executable) {
        if (!what.equals("exit")) injected.add(executable);
      }
    }, () -> false);
  }

  /** What the run configuration says, overlaid and patched as the plug-in does it. */
  private static Map<String, String> variables(SessionClient session) {
    Map<String, String> variables = new LinkedHashMap<>(Overlay.of(session.ready(), Map.of("MINE", "1"), demo.environment, true).variables());
    Overlay.patch(session.ready(), demo.web.toString(), variables);
    return variables;
  }

  @Test
  public void runSeesThePodAndAnswersItsClient() throws Exception {
    try (SessionClient session = open()) {
      Map<String, String> environment = new LinkedHashMap<>(demo.environment);
      environment.putAll(variables(session));
      ProcessBuilder builder = new ProcessBuilder(demo.web.toString(), demo.port);
      builder.environment().clear();
      builder.environment().putAll(environment);
      builder.redirectErrorStream(true).redirectOutput(demo.home.resolve("web.log").toFile());
      LaunchWatch watch = new LaunchWatch(session, demo.web, Instant.now());
      Process program = builder.start();
      try {
        watch.await(() -> !program.isAlive());
        String answer = demo.answer(line -> line.contains("\"process\": " + program.pid() + "}"), 60);
        assertTrue(answer, answer.contains("\"color\": \"teal\"") && answer.contains("\"hostname\": \"web-0\""));
        assertTrue(Layer.isIn(program.pid()));
      } finally {
        program.destroyForcibly().waitFor();
      }
    }
  }

  /** CLion's gdb gets the variables one by one, by MI, before it starts the program through a shell. */
  @Test
  public void debugStopsOnARequestAndInjectsNothingElse() throws Exception {
    try (SessionClient session = open(); Mi gdb = new Mi(List.of("gdb", "--interpreter=mi2", "-q", "-nx"), demo.environment, demo.home)) {
      gdb.must("-file-exec-and-symbols \"" + demo.web + "\"");
      gdb.must("-exec-arguments " + demo.port);
      for (Map.Entry<String, String> variable : variables(session).entrySet()) {
        if (!variable.getValue().contains("\n")) gdb.must("-gdb-set environment " + variable.getKey() + "=" + variable.getValue());
      }
      gdb.must("-break-insert \"" + demo.source + ":" + demo.breakpointLine() + "\"");
      LaunchWatch watch = new LaunchWatch(session, demo.web, Instant.now());
      gdb.must("-exec-run");
      long pid = gdb.debuggee();
      watch.await(() -> !gdb.process.isAlive());
      gdb.record(line -> line.startsWith("*stopped") && line.contains("breakpoint-hit"), 90);
      assertTrue(Layer.isIn(pid));
      assertFalse("the layer is in gdb", Layer.isIn(gdb.process.pid()));
      String color = gdb.must("-data-evaluate-expression color");
      assertTrue(color, color.contains("teal"));
      gdb.must("-break-delete");
      gdb.must("-exec-continue");
      demo.answer(line -> line.contains("\"process\": " + pid + "}"), 60);
      gdb.interrupt();
      assertEquals("only the program: " + injected, List.of(demo.web.toString()), List.copyOf(injected));
    }
  }

  @Test
  public void aProgramThatTheEnvironmentDoesNotReachIsFound() throws Exception {
    try (SessionClient session = open()) {
      Path copy = demo.home.resolve("web-copy");
      Files.copy(demo.web, copy, java.nio.file.StandardCopyOption.REPLACE_EXISTING, java.nio.file.StandardCopyOption.COPY_ATTRIBUTES);
      LaunchWatch watch = new LaunchWatch(session, copy, Instant.now());
      Process program = new ProcessBuilder(copy.toString(), "0").redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
      try {
        InpodException error = assertThrows(InpodException.class, () -> watch.await(() -> !program.isAlive()));
        assertTrue(error.getMessage(), error.getMessage().contains("environment did not reach") || error.getMessage().contains("has ended"));
      } finally {
        program.destroyForcibly().waitFor();
      }
    }
  }

  @Test
  public void theSessionIsGoneWhenItIsClosed() throws Exception {
    SessionClient session = open();
    long pid = session.pid();
    String socket = session.ready().socket();
    session.close();
    ProcessHandle.of(pid).ifPresent(process -> process.onExit().orTimeout(20, TimeUnit.SECONDS).join());
    assertFalse(Files.exists(Path.of(socket)));
  }

  @Test
  public void anUnknownTargetSaysWhy() {
    InpodException error = assertThrows(InpodException.class, () -> SessionClient.start(demo.inpod(), new inpod.session.Target("local:999999999", "", ""), List.of(),
        Duration.ofSeconds(60), new SessionClient.Listener() {}, () -> false));
    assertTrue(error.getMessage(), error.getMessage().contains("999999999"));
  }
}
