package com.intellij.util;

import java.util.Map;

public final class EnvironmentUtil {
  public static Map<String, String> getEnvironmentMap() {
    throw new AssertionError();
  }
}
