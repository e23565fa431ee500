package inpod.session;

import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.After;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.junit.rules.Timeout;

/** Fail closed, with real processes: a copy of tail(1) is the program, a script the session. */
public class LaunchWatchTest {
  @Rule public final TemporaryFolder folder = new TemporaryFolder();
  @Rule public final Timeout bound = Timeout.seconds(60);

  private SessionClient session;
  private Process program;

  @After
  public void end() throws Exception {
    if (program != null) program.destroyForcibly().waitFor();
    if (session != null) session.close();
  }

  private Path copyOf(String original) throws Exception {
    Path copy = folder.getRoot().toPath().toRealPath().resolve(original.endsWith("busybox") ? "busybox" : "program");
    Files.copy(Path.of(original).toRealPath(), copy);
    assertTrue(copy.toFile().setExecutable(true));
    return copy;
  }

  private void open(String events) throws Exception {
    session = SessionClient.start(FakeInpod.in(folder.getRoot().toPath(), FakeInpod.READY + events + FakeInpod.STAY), Target.ofKey("pod/x"),
        List.of(), Duration.ofSeconds(20), new SessionClient.Listener() {}, () -> false);
  }

  private void launch(Path file, boolean withSession, String... arguments) throws Exception {
    ProcessBuilder builder = new ProcessBuilder(file.toString());
    builder.command().addAll(List.of(arguments));
    if (withSession) builder.environment().putAll(session.ready().env());
    builder.environment().remove("LD_PRELOAD");  // there is no such library here: this is the failure to be found
    program = builder.redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
  }

  private InpodException refused(LaunchWatch watch) {
    return assertThrows(InpodException.class, () -> watch.await(() -> !program.isAlive()));
  }

  @Test
  public void aHandshakeIsEnough() throws Exception {
    Path file = copyOf("/usr/bin/tail");
    open("echo '{\"type\":\"event\",\"event\":\"process\",\"what\":\"start\",\"pid\":1}'\n");
    LaunchWatch watch = new LaunchWatch(session, file, Instant.now());
    launch(file, true, "-f", "/dev/null");
    watch.await(() -> !program.isAlive());
  }

  @Test
  public void aProgramWithoutTheLayerIsFound() throws Exception {
    Path file = copyOf("/usr/bin/tail");
    open("");
    LaunchWatch watch = new LaunchWatch(session, file, Instant.now());
    launch(file, true, "-f", "/dev/null");
    String text = refused(watch).getMessage();
    assertTrue(text, text.contains("did not load the layer"));
  }

  @Test
  public void aProgramWithoutTheEnvironmentIsFound() throws Exception {
    Path file = copyOf("/usr/bin/tail");
    open("");
    LaunchWatch watch = new LaunchWatch(session, file, Instant.now());
    launch(file, false, "-f", "/dev/null");
    String text = refused(watch).getMessage();
    assertTrue(text, text.contains("environment did not reach"));
  }

  @Test
  public void aStaticProgramIsFound() throws Exception {
    Path file = copyOf("/bin/busybox");
    open("");
    LaunchWatch watch = new LaunchWatch(session, file, Instant.now());
    launch(file, true, "tail", "-f", "/dev/null");
    String text = refused(watch).getMessage();
    assertTrue(text, text.contains("static"));
  }

  @Test
  public void oneThatEndsWithoutTheLayerIsFound() throws Exception {
    Path file = copyOf("/usr/bin/true");
    open("");
    LaunchWatch watch = new LaunchWatch(session, file, Instant.now());
    launch(file, true);
    String text = refused(watch).getMessage();
    assertTrue(text, text.contains("ended without") || text.contains("did not load"));
  }

  @Test
  public void whatRanBeforeIsSomeoneElses() throws Exception {
    Path file = copyOf("/usr/bin/tail");
    open("echo '{\"type\":\"event\",\"event\":\"process\",\"what\":\"start\",\"pid\":1}'\n");
    launch(file, false, "-f", "/dev/null");
    new LaunchWatch(session, file, Instant.now().plusSeconds(60)).await(() -> false);
  }

  @Test
  public void aSessionThatEndsEndsTheWait() throws Exception {
    Path file = copyOf("/usr/bin/tail");
    open("");
    LaunchWatch watch = new LaunchWatch(session, file, Instant.now());
    launch(file, true, "-f", "/dev/null");
    session.close();
    refused(watch);
  }
}
