package inpod.clion;

import com.intellij.execution.Executor;
import com.intellij.execution.executors.DefaultRunExecutor;

public final class RunInClusterAction extends LaunchAction {
  public RunInClusterAction() {
    super("Run");
  }

  @Override
  Executor executor() {
    return DefaultRunExecutor.getRunExecutorInstance();
  }
}
