package inpod.clion;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotSame;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import com.intellij.execution.CommonProgramRunConfigurationParameters;
import com.intellij.execution.ExecutionException;
import com.intellij.execution.configurations.GeneralCommandLine;
import com.intellij.execution.configurations.RunConfiguration;
import com.intellij.execution.process.ProcessHandler;
import com.intellij.openapi.util.Key;
import com.jetbrains.cidr.lang.toolchains.CidrToolEnvironment;
import com.jetbrains.cidr.lang.workspace.OCRunConfiguration;
import inpod.session.InpodException;
import inpod.session.SessionClient;
import inpod.session.SessionForTests;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.After;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.junit.rules.Timeout;

/** What touches CLion's objects, with configurations as CLion's and others' classes write them. */
public class GlueTest {
  @Rule public final TemporaryFolder folder = new TemporaryFolder();
  @Rule public final Timeout bound = Timeout.seconds(60);

  private SessionClient session;
  private Launch launch;

  /** Object.clone copies the reference to the map, as RunConfigurationBase's does; and so some setEnvs change both. */
  private static class Configuration extends OCRunConfiguration<Object, Object> implements CommonProgramRunConfigurationParameters {
    Map<String, String> variables = new LinkedHashMap<>();
    private Map<Object, Object> data = new HashMap<>();
    boolean passParent = true;
    private final boolean sharing;

    Configuration(boolean sharing) {
      this.sharing = sharing;
      variables.put("DB", "mine");
      variables.put("LD_PRELOAD", "/b.so");
    }

    @Override
    public RunConfiguration clone() {
      Configuration copy = new Configuration(sharing);
      copy.variables = variables;
      copy.passParent = passParent;
      return copy;
    }

    @Override
    public Map<String, String> getEnvs() {
      return variables;
    }

    @Override
    public void setEnvs(Map<String, String> given) {
      if (sharing) {
        variables.clear();
        variables.putAll(given);
      } else {
        variables = given;
      }
    }

    @Override
    public boolean isPassParentEnvs() {
      return passParent;
    }

    @Override
    public void setPassParentEnvs(boolean pass) {
      passParent = pass;
    }

    @Override
    public String getName() {
      return "app";
    }

    @Override
    @SuppressWarnings("unchecked")
    public <T> T getUserData(Key<T> key) {
      return (T) data.get(key);
    }

    @Override
    public <T> void putUserData(Key<T> key, T value) {
      data.put(key, value);
    }
  }

  private static final class CommandLine extends GeneralCommandLine {
    final Map<String, String> variables = new HashMap<>();
    private final String path;

    CommandLine(String path) {
      this.path = path;
    }

    @Override
    public Map<String, String> getEnvironment() {
      return variables;
    }

    @Override
    public String getExePath() {
      return path;
    }
  }

  public static final class Host {
    private final boolean remote;

    Host(boolean remote) {
      this.remote = remote;
    }

    public boolean isRemote() {
      return remote;
    }

    public String getName() {
      return "Remote Host root@build";
    }
  }

  public static final class Tools extends CidrToolEnvironment {
    private final Host host;

    Tools(boolean remote) {
      host = new Host(remote);
    }

    public Host getHostMachine() {
      return host;
    }
  }

  @Before
  public void open() throws Exception {
    session = SessionForTests.open(folder.getRoot().toPath());
    launch = new Launch(session);
  }

  @After
  public void end() {
    launch.end();
  }

  private static final Map<String, String> PARENT = Map.of("INPOD_ACTIVE", "1", "PATH", "/bin");

  @Test
  public void theCopyIsOverlaidAndTheOriginalIsNot() {
    Configuration original = new Configuration(false);
    Map<String, String> same = original.variables, before = Map.copyOf(same);
    Configuration copy = (Configuration) launch.mark(original, PARENT);
    assertNotSame(original, copy);
    assertSame(same, original.variables);
    assertEquals(before, original.variables);
    assertTrue(original.passParent);
    assertEquals("/l/libinpod.so:/b.so", copy.variables.get("LD_PRELOAD"));
    assertEquals("mine", copy.variables.get("DB"));
    assertEquals("teal", copy.variables.get("COLOR"));
    assertFalse(copy.passParent);  // INPOD_ACTIVE must not be inherited
    assertNull(Launch.of(original));
    assertSame(launch, Launch.of(copy));
  }

  @Test
  public void anOriginalThatSharesItsMapWithTheCopyIsRestored() {
    Configuration original = new Configuration(true);
    Map<String, String> before = Map.copyOf(original.variables);
    Configuration copy = (Configuration) launch.mark(original, PARENT);
    assertEquals(before, original.variables);
    assertTrue(original.passParent);
    assertSame(launch, Launch.of(copy));
  }

  @Test
  public void aCopyOfTheCopyIsKnownByItsSession() {
    Configuration copy = (Configuration) launch.mark(new Configuration(false), PARENT);
    RunConfiguration second = copy.clone();
    assertSame(launch, Launch.of(second));
    launch.end();
    assertNull(Launch.of(second));
  }

  private CommandLine patched(boolean remote, String program, boolean sharing) throws ExecutionException {
    Configuration copy = (Configuration) launch.mark(new Configuration(sharing), PARENT);
    CommandLine line = new CommandLine(program);
    line.variables.putAll(copy.variables);
    InpodExtension extension = new InpodExtension();
    assertTrue(extension.isApplicableFor(copy));
    assertTrue(extension.isEnabledFor(copy, new Tools(remote), null));
    extension.patchCommandLine(copy, null, new Tools(remote), line, "CMakeRunner", null);
    return line;
  }

  @Test
  public void theExtensionNamesTheProgram() throws Exception {
    for (boolean sharing : new boolean[] {false, true}) {
      CommandLine line = patched(false, "/bin/true", sharing);
      assertEquals(Path.of("/bin/true").toRealPath().toString(), line.variables.get("INPOD_PROGRAM"));
      assertEquals("/run/s", line.variables.get("INPOD_SOCKET"));
      assertEquals("/l/libinpod.so:/b.so", line.variables.get("LD_PRELOAD"));
      assertEquals(Path.of("/bin/true").toRealPath(), launch.program().get().path());
    }
  }

  @Test
  public void otherConfigurationsPassUntouched() throws Exception {
    Configuration plain = new Configuration(false);
    InpodExtension extension = new InpodExtension();
    CommandLine line = new CommandLine("/bin/true");
    assertFalse(extension.isApplicableFor(plain));
    assertFalse(extension.isEnabledFor(plain, new Tools(false), null));
    extension.patchCommandLine(plain, null, new Tools(false), line, "CMakeRunner", null);
    assertTrue(line.variables.isEmpty());
  }

  @Test
  public void toolchainsElsewhereAreRefused() {
    String text = assertThrows(ExecutionException.class, () -> patched(true, "/bin/true", false)).getMessage();
    assertTrue(text, text.contains("root@build") && text.contains("local toolchain"));
    assertFalse(launch.program().isDone());
  }

  @Test
  public void aToolchainThatCannotBeAskedCountsAsLocal() {
    assertNull(Toolchain.elsewhere((Object) new CidrToolEnvironment()));
  }

  @Test
  public void aProgramThatIsNotHereIsRefused() {
    String text = assertThrows(ExecutionException.class, () -> patched(false, "/no/such/program", false)).getMessage();
    assertTrue(text, text.contains("/no/such/program"));
  }

  @Test
  public void aSecondRunOfAnEndedSessionIsRefused() {
    session.close();
    String text = assertThrows(ExecutionException.class, () -> patched(false, "/bin/true", false)).getMessage();
    assertTrue(text, text.contains("Run in Cluster"));
  }

  @Test
  public void aLaunchWhoseProgramHasNoLayerIsStopped() throws Exception {
    Path file = folder.getRoot().toPath().toRealPath().resolve("program");
    Files.copy(Path.of("/usr/bin/tail").toRealPath(), file);
    assertTrue(file.toFile().setExecutable(true));
    launch.program().complete(new Launch.Program(file, Instant.now()));
    ProcessBuilder builder = new ProcessBuilder(file.toString(), "-f", "/dev/null");
    builder.environment().put("INPOD_SOCKET", "/run/s");
    Process program = builder.start();
    try {
      InpodException error = assertThrows(InpodException.class, () -> Guard.await(launch, new ProcessHandler() {
        @Override
        public boolean isProcessTerminated() {
          return !program.isAlive();
        }

        @Override
        public void destroyProcess() {
          program.destroyForcibly();
        }
      }));
      assertTrue(error.getMessage(), error.getMessage().contains("did not load the layer"));
      assertTrue(program.waitFor(10, java.util.concurrent.TimeUnit.SECONDS));
    } finally {
      program.destroyForcibly().waitFor();
    }
  }

  @Test
  public void noticesEscapeWhatProgramsSay() {
    assertEquals("&lt;a href=x&gt;&amp;<br>b", Notices.escaped("<a href=x>&\nb"));
    assertEquals("no pod.\nTry again.", Notices.text(new InpodException("no pod", "Try again")));
  }
}
