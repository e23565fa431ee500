package inpod.clion;

import com.intellij.openapi.project.Project;
import com.intellij.openapi.ui.popup.JBPopupFactory;
import com.intellij.openapi.ui.popup.PopupStep;
import com.intellij.openapi.ui.popup.util.BaseListPopupStep;
import inpod.session.Target;
import java.util.List;
import java.util.function.Consumer;

/** The list of targets; typing filters it. UI thread. */
final class TargetPopup extends BaseListPopupStep<Target> {
  private final Consumer<Target> chosen;

  private TargetPopup(String title, List<Target> targets, Consumer<Target> chosen) {
    super(title, targets);
    this.chosen = chosen;
  }

  static void show(Project project, String title, List<Target> targets, Consumer<Target> chosen) {
    if (project.isDisposed()) return;
    JBPopupFactory.getInstance().createListPopup(new TargetPopup(title, targets, chosen)).showCenteredInCurrentWindow(project);
  }

  @Override
  public String getTextFor(Target target) {
    return target.toString();
  }

  @Override
  public boolean isSpeedSearchEnabled() {
    return true;
  }

  @Override
  public PopupStep<?> onChosen(Target target, boolean finalChoice) {
    return doFinalStep(() -> chosen.accept(target));
  }
}
