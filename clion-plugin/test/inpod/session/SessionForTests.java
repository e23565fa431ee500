package inpod.session;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** A session that stands, for tests of other packages. */
public final class SessionForTests {
  private SessionForTests() {}

  public static SessionClient open(Path folder) throws Exception {
    return SessionClient.start(FakeInpod.in(folder, FakeInpod.READY + FakeInpod.STAY), Target.ofKey("pod/x"), List.of(), Duration.ofSeconds(20),
        new SessionClient.Listener() {}, () -> false);
  }
}
