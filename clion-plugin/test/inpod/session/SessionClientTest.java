package inpod.session;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.junit.rules.Timeout;

/** Every way in which a session can begin, fail to begin, and end. */
public class SessionClientTest {
  private static final BooleanSupplier NEVER = () -> false;
  private static final Target TARGET = Target.ofKey("pod/x in shop");

  @Rule public final TemporaryFolder folder = new TemporaryFolder();
  @Rule public final Timeout bound = Timeout.seconds(60);

  private final BlockingQueue<String> heard = new LinkedBlockingQueue<>();
  private final SessionClient.Listener listener = new SessionClient.Listener() {
    @Override
    public void progress(String text) {
      heard.add("progress " + text);
    }

    @Override
    public void note(String severity, String text) {
      heard.add(severity + " " + text);
    }

    @Override
    public void ended(String text, String remedy) {
      heard.add("ended " + text + "|" + remedy);
    }
  };

  private SessionClient start(String script, Duration silence, BooleanSupplier cancelled) throws Exception {
    return SessionClient.start(FakeInpod.in(folder.getRoot().toPath(), script), TARGET, List.of("--steal"), silence, listener, cancelled);
  }

  private SessionClient start(String script) throws Exception {
    return start(script, Duration.ofSeconds(20), NEVER);
  }

  private InpodException refused(String script) {
    return assertThrows(InpodException.class, () -> start(script).close());
  }

  private String next() throws InterruptedException {
    return heard.poll(20, TimeUnit.SECONDS);
  }

  /** Nothing is left running, whatever happened. */
  private void assertGone() throws Exception {
    long pid = FakeInpod.pid(folder.getRoot().toPath());
    ProcessHandle.of(pid).ifPresent(process -> {
      try {
        process.onExit().get(20, TimeUnit.SECONDS);
      } catch (Exception tooLong) {
        throw new AssertionError(tooLong);
      }
    });
    assertFalse(FakeInpod.lives(pid));
  }

  @Test
  public void reportsProgressThenIsReady() throws Exception {
    try (SessionClient session = start("echo '{\"type\":\"progress\",\"stage\":\"agent\",\"text\":\"Starting\"}'\n" + FakeInpod.READY + FakeInpod.STAY)) {
      assertEquals("progress Starting", next());
      assertEquals("teal", session.ready().env().get("COLOR"));
      assertEquals("/run/s", session.ready().socket());
      assertEquals(List.of("INPOD_ACTIVE"), session.ready().unset());
      assertTrue(session.isOpen());
      assertEquals("session start -o json -t pod/x -n shop --steal", Files.readString(folder.getRoot().toPath().resolve("arguments")).strip());
    }
    assertGone();
    assertTrue(heard.toString(), heard.isEmpty());
  }

  @Test
  public void tellsOfTheHandshakeAndOfNotes() throws Exception {
    String events = "echo '{\"type\":\"event\",\"event\":\"process\",\"what\":\"start\",\"pid\":4711,\"executable\":\"/b/app\"}'\n"
        + "echo '{\"type\":\"event\",\"event\":\"activity\"}'\necho '{\"type\":\"later\"}'\n"
        + "echo '{\"type\":\"event\",\"event\":\"note\",\"severity\":\"warning\",\"text\":\"port 80\"}'\n";
    try (SessionClient session = start(FakeInpod.READY + events + FakeInpod.STAY)) {
      assertEquals(Long.valueOf(4711), session.handshake().get(20, TimeUnit.SECONDS));
      assertEquals("warning port 80", next());
    }
  }

  @Test
  public void passesOnInpodsOwnReason() throws Exception {
    InpodException error = refused("echo '{\"type\":\"error\",\"text\":\"no pod/x\",\"remedy\":\"inpod targets\"}'\nexit 125");
    assertEquals("no pod/x", error.getMessage());
    assertEquals("inpod targets", error.remedy());
    assertGone();
  }

  @Test
  public void deadAtOnceSaysWhatItSaid() throws Exception {
    InpodException error = refused("echo 'inpod: no kubeconfig' >&2\nexit 125");
    assertTrue(error.getMessage(), error.getMessage().contains("code 125") && error.getMessage().contains("no kubeconfig"));
    assertGone();
  }

  @Test
  public void killedWhileItStarts() throws Exception {
    InpodException error = refused("echo '{\"type\":\"progress\",\"text\":\"…\"}'\nkill -9 $$");
    assertTrue(error.getMessage(), error.getMessage().contains("has ended"));
  }

  @Test
  public void silentForTooLong() throws Exception {
    InpodException error = assertThrows(InpodException.class, () -> start(FakeInpod.STAY, Duration.ofSeconds(1), NEVER));
    assertTrue(error.getMessage(), error.getMessage().contains("said nothing"));
    assertGone();
  }

  @Test
  public void slowIsNotSilent() throws Exception {
    // Three lines, each later than the last by less than the bound, all of them by more.
    String slow = "for i in 1 2 3; do timeout 0.7 tail -f /dev/null; echo '{\"type\":\"progress\",\"text\":\"'$i'\"}'; done\n";
    try (SessionClient session = start(slow + FakeInpod.READY + FakeInpod.STAY, Duration.ofMillis(1800), NEVER)) {
      assertTrue(session.isOpen());
    }
  }

  @Test
  public void garbageInsteadOfJson() throws Exception {
    InpodException error = refused("echo 'Segmentation fault'\n" + FakeInpod.STAY);
    assertTrue(error.getMessage(), error.getMessage().contains("Segmentation fault"));
    assertGone();
  }

  @Test
  public void halfALineAndGone() throws Exception {
    assertTrue(refused("printf '{\"type\":\"rea'").getMessage().contains("no JSON"));
  }

  @Test
  public void readyWithoutALayer() throws Exception {
    InpodException error = refused("echo '{\"type\":\"ready\",\"env\":{\"COLOR\":\"teal\"},\"unset\":[]}'\n" + FakeInpod.STAY);
    assertTrue(error.getMessage(), error.getMessage().contains("layer"));
    assertGone();
  }

  @Test
  public void aHugeLine() throws Exception {
    InpodException error = refused("head -c 9000000 /dev/zero | tr '\\0' x\n" + FakeInpod.STAY);
    assertTrue(error.getMessage(), error.getMessage().contains("bytes"));
    assertGone();
  }

  @Test
  public void cancelledWhileItStarts() throws Exception {
    AtomicBoolean cancelled = new AtomicBoolean();
    SessionClient.Listener cancels = new SessionClient.Listener() {
      @Override
      public void progress(String text) {
        cancelled.set(true);
      }
    };
    Inpod inpod = FakeInpod.in(folder.getRoot().toPath(), "echo '{\"type\":\"progress\",\"text\":\"…\"}'\n" + FakeInpod.STAY);
    assertThrows(InpodException.Cancelled.class,
        () -> SessionClient.start(inpod, TARGET, List.of(), Duration.ofSeconds(20), cancels, cancelled::get));
    assertGone();
  }

  @Test
  public void endsByItselfOnce() throws Exception {
    SessionClient session = start(FakeInpod.READY + "echo '{\"type\":\"event\",\"event\":\"closed\",\"error\":\"the node is gone\",\"remedy\":\"launch again\"}'\n" + FakeInpod.STAY);
    assertEquals("ended the node is gone|launch again", next());
    assertGone();
    assertFalse(session.isOpen());
    session.close();
    assertTrue(heard.toString(), heard.isEmpty());
  }

  @Test
  public void diesWhileItRuns() throws Exception {
    start(FakeInpod.READY + "echo boom >&2\nexit 3\n");
    String text = next();
    assertTrue(text, text.startsWith("ended ") && text.contains("code 3") && text.contains("boom"));
  }

  @Test
  public void closeEndsOneThatIgnoresItsStdin() throws Exception {
    SessionClient session = start("trap '' TERM\n" + FakeInpod.READY + "exec tail -f /dev/null\n");
    session.close();
    assertGone();
    session.close();
    assertTrue(heard.toString(), heard.isEmpty());
  }

  @Test
  public void thereIsNoSuchProgram() {
    Inpod inpod = new Inpod(folder.getRoot().toPath().resolve("none"), folder.getRoot().toPath(), java.util.Map.of());
    InpodException error = assertThrows(InpodException.class,
        () -> SessionClient.start(inpod, TARGET, List.of(), Duration.ofSeconds(5), listener, NEVER));
    assertTrue(error.getMessage(), error.getMessage().contains("none"));
  }
}
