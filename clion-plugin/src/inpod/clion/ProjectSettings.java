package inpod.clion;

import com.intellij.openapi.components.PersistentStateComponent;
import com.intellij.openapi.components.Storage;
import com.intellij.openapi.project.Project;
import java.util.ArrayList;
import java.util.List;

/** What belongs to a project and its user (workspace.xml, not shared): default target, namespace, recent targets. */
@com.intellij.openapi.components.State(name = "inpod", storages = @Storage("$WORKSPACE_FILE$"))
public final class ProjectSettings implements PersistentStateComponent<ProjectSettings.State> {
  /** Public fields: the IDE's XML serializer reads and writes them. */
  public static final class State {
    public String target = "";
    public String namespace = "";
    public List<String> recent = new ArrayList<>();
  }

  private State state = new State();

  static ProjectSettings of(Project project) {
    return project.getService(ProjectSettings.class);
  }

  State state() {
    return state;
  }

  @Override
  public State getState() {
    return state;
  }

  @Override
  public void loadState(State loaded) {
    state = loaded;
  }
}
