package com.intellij.openapi.options;

import com.intellij.openapi.project.Project;

public abstract class ShowSettingsUtil {
  public static ShowSettingsUtil getInstance() {
    throw new AssertionError();
  }

  public abstract void showSettingsDialog(Project project, String nameToSelect);
}
