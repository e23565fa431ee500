package inpod.clion;

import com.intellij.execution.Executor;
import com.intellij.execution.executors.DefaultDebugExecutor;

public final class DebugInClusterAction extends LaunchAction {
  public DebugInClusterAction() {
    super("Debug");
  }

  @Override
  Executor executor() {
    return DefaultDebugExecutor.getDebugExecutorInstance();
  }
}
