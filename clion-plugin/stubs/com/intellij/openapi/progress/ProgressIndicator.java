package com.intellij.openapi.progress;

public interface ProgressIndicator {
  boolean isCanceled();

  void setText(String text);

  void setIndeterminate(boolean indeterminate);
}
