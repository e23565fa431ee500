package inpod.session;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.Test;

public class OverlayTest {
  private static final Ready SESSION = new Ready(
      Map.of("LD_PRELOAD", "/l/libinpod.so", "INPOD_SOCKET", "/run/s", "COLOR", "teal", "DB", "pod"), List.of("INPOD_ACTIVE", "HTTP_PROXY"),
      "/l/libinpod.so", "a1", "pod/x");

  @Test
  public void theUsersOwnVariablesWin() {
    Overlay overlay = Overlay.of(SESSION, Map.of("DB", "mine", "X", "1"), Map.of(), true);
    assertEquals("mine", overlay.variables().get("DB"));
    assertEquals("teal", overlay.variables().get("COLOR"));
    assertEquals("1", overlay.variables().get("X"));
    assertTrue(overlay.passParent());
  }

  @Test
  public void theLayerStaysFirstInThePreload() {
    assertEquals("/l/libinpod.so:/usr/lib/libjemalloc.so:/b.so",
        Overlay.of(SESSION, Map.of("LD_PRELOAD", "/usr/lib/libjemalloc.so /b.so"), Map.of(), true).variables().get("LD_PRELOAD"));
    assertEquals("/l/libinpod.so", Overlay.of(SESSION, Map.of("LD_PRELOAD", ""), Map.of(), true).variables().get("LD_PRELOAD"));
  }

  @Test
  public void anOldSessionsVariablesDoNotSurvive() {
    Map<String, String> variables = Overlay.of(SESSION, Map.of("INPOD_SOCKET", "/old", "INPOD_ACTIVE", "1"), Map.of(), true).variables();
    assertEquals("/run/s", variables.get("INPOD_SOCKET"));
    assertNull(variables.get("INPOD_ACTIVE"));
  }

  @Test
  public void whatIsInheritedAndMustGoIsLeftOut() {
    Map<String, String> parent = Map.of("PATH", "/bin", "HTTP_PROXY", "http://p", "DB", "ide");
    Overlay overlay = Overlay.of(SESSION, Map.of("X", "1"), parent, true);
    assertFalse(overlay.passParent());
    assertEquals("/bin", overlay.variables().get("PATH"));
    assertFalse(overlay.variables().containsKey("HTTP_PROXY"));
    assertEquals("pod", overlay.variables().get("DB"));
  }

  @Test
  public void whatTheUserSetsIsNotUnset() {
    Overlay overlay = Overlay.of(SESSION, Map.of("HTTP_PROXY", "mine"), Map.of("HTTP_PROXY", "http://p"), true);
    assertTrue(overlay.passParent());
    assertEquals("mine", overlay.variables().get("HTTP_PROXY"));
  }

  @Test
  public void withoutTheParentNothingIsInherited() {
    Overlay overlay = Overlay.of(SESSION, Map.of(), Map.of("HTTP_PROXY", "http://p", "PATH", "/bin"), false);
    assertFalse(overlay.passParent());
    assertFalse(overlay.variables().containsKey("PATH"));
  }

  @Test
  public void nothingThatIsHandedInChanges() {
    Map<String, String> own = new HashMap<>(Map.of("DB", "mine", "LD_PRELOAD", "/b.so"));
    Map<String, String> parent = new HashMap<>(Map.of("HTTP_PROXY", "http://p"));
    Overlay.of(SESSION, own, parent, true);
    assertEquals(Map.of("DB", "mine", "LD_PRELOAD", "/b.so"), own);
    assertEquals(Map.of("HTTP_PROXY", "http://p"), parent);
  }

  @Test
  public void aCommandLineIsPatchedOnceOrTwice() {
    Map<String, String> variables = new HashMap<>(Overlay.of(SESSION, Map.of("LD_PRELOAD", "/b.so", "DB", "mine"), Map.of(), true).variables());
    variables.put("INPOD_ACTIVE", "1");
    Overlay.patch(SESSION, "/b/app", variables);
    Map<String, String> once = Map.copyOf(variables);
    Overlay.patch(SESSION, "/b/app", variables);
    assertEquals(once, variables);
    assertEquals("/l/libinpod.so:/b.so", variables.get("LD_PRELOAD"));
    assertEquals("/b/app", variables.get("INPOD_PROGRAM"));
    assertEquals("mine", variables.get("DB"));
    assertFalse(variables.containsKey("INPOD_ACTIVE"));
  }
}
