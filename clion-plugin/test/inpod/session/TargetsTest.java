package inpod.session;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.junit.rules.Timeout;

public class TargetsTest {
  @Rule public final TemporaryFolder folder = new TemporaryFolder();
  @Rule public final Timeout bound = Timeout.seconds(60);

  private List<Target> list(String script) throws Exception {
    return Targets.list(FakeInpod.in(folder.getRoot().toPath(), script), "shop", Duration.ofSeconds(20), () -> false);
  }

  @Test
  public void listsWhatThereIs() throws Exception {
    List<Target> targets = list("echo '{\"target\":\"deployment/web\",\"namespace\":\"shop\",\"ready\":1,\"wanted\":2}'\n"
        + "echo '{\"target\":\"local:42\",\"namespace\":\"\",\"demo\":true}'\n");
    assertEquals(List.of("deployment/web in shop  (1/2 ready)", "local:42  (the demo's pod on this machine)"),
        targets.stream().map(Target::toString).toList());
    assertEquals(List.of("-t", "deployment/web", "-n", "shop"), targets.get(0).flags());
    assertEquals("targets -o json -n shop", Files.readString(folder.getRoot().toPath().resolve("arguments")).strip());
  }

  @Test
  public void aFailureSaysWhy() {
    InpodException error = assertThrows(InpodException.class, () -> list("echo 'inpod: no kubeconfig' >&2\nexit 125"));
    assertEquals("no kubeconfig", error.getMessage());
  }

  @Test
  public void garbageAndHugeLinesAreRefused() {
    assertTrue(assertThrows(InpodException.class, () -> list("echo nonsense")).getMessage().contains("no list of targets"));
    assertTrue(assertThrows(InpodException.class, () -> list("head -c 2000000 /dev/zero | tr '\\0' x")).getMessage().contains("bytes"));
  }

  @Test
  public void cancelAndTimeLeaveNothingBehind() throws Exception {
    Inpod slow = FakeInpod.in(folder.getRoot().toPath(), "exec tail -f /dev/null\n");
    AtomicBoolean cancelled = new AtomicBoolean(true);
    assertThrows(InpodException.Cancelled.class, () -> Targets.list(slow, "", Duration.ofSeconds(20), cancelled::get));
    InpodException late = assertThrows(InpodException.class, () -> Targets.list(slow, "", Duration.ofSeconds(1), () -> false));
    assertTrue(late.getMessage(), late.getMessage().contains("1 s"));
    long pid = FakeInpod.pid(folder.getRoot().toPath());
    ProcessHandle.of(pid).ifPresent(process -> process.onExit().join());
    assertFalse(FakeInpod.lives(pid));
  }

  @Test
  public void recentOnesAreOnTop() {
    List<Target> all = List.of(Target.ofKey("pod/a"), Target.ofKey("pod/b"), Target.ofKey("pod/c in shop"));
    assertEquals(List.of("pod/c in shop", "pod/b", "pod/a"),
        Target.recentFirst(all, List.of("pod/c in shop", "pod/gone", "pod/b")).stream().map(Target::key).toList());
    assertEquals(List.of("pod/b", "pod/a"), Target.remember(List.of("pod/a", "pod/b"), "pod/b"));
  }

  @Test
  public void aProjectsOwnConfigIsOffered() throws Exception {
    Path root = folder.getRoot().toPath();
    assertNull(Target.ofConfig(root));
    Files.createDirectory(root.resolve(".inpod"));
    Files.writeString(root.resolve(".inpod/config.yaml"), "target: pod/x\n");
    assertEquals(List.of(), Target.ofConfig(root).flags());
    assertEquals("as .inpod/config.yaml says", Target.ofConfig(root).toString());
  }

  @Test
  public void onlyTargetsAreTargets() {
    for (String good : List.of("deployment/web", "pod/web-0/container/app", "local:42", "targetless", "label:app=web")) {
      assertTrue(good, Target.ofKey(good).isWellFormed());
    }
    for (String bad : List.of("web", "deployment/", "local:x", "label:app", "pod/a/b")) assertFalse(bad, Target.ofKey(bad).isWellFormed());
  }

  @Test
  public void inpodIsFound() throws Exception {
    Path root = folder.getRoot().toPath();
    FakeInpod.in(root, "");
    assertEquals(root.resolve("inpod"), Inpod.find("", Map.of("PATH", "/nowhere:" + root)));
    assertEquals(root.resolve("inpod"), Inpod.find(" " + root.resolve("inpod") + " ", Map.of()));
    assertThrows(InpodException.class, () -> Inpod.find(root.toString(), Map.of()));
  }
}
