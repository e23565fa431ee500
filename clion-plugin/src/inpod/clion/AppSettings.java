package inpod.clion;

import com.intellij.openapi.application.ApplicationManager;
import com.intellij.openapi.components.PersistentStateComponent;
import com.intellij.openapi.components.State;
import com.intellij.openapi.components.Storage;

/** What belongs to the machine: where inpod is. */
@State(name = "inpod", storages = @Storage("inpod.xml"))
public final class AppSettings implements PersistentStateComponent<AppSettings.Values> {
  /** Public fields: the IDE's XML serializer reads and writes them. */
  public static final class Values {
    public String path = "";
  }

  private Values values = new Values();

  static AppSettings instance() {
    return ApplicationManager.getApplication().getService(AppSettings.class);
  }

  Values state() {
    return values;
  }

  @Override
  public Values getState() {
    return values;
  }

  @Override
  public void loadState(Values loaded) {
    values = loaded;
  }
}
