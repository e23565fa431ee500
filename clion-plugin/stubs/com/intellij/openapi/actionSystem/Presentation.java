package com.intellij.openapi.actionSystem;

public class Presentation {
  public void setText(String text) {}

  public void setEnabled(boolean enabled) {}

  public void setVisible(boolean visible) {}
}
