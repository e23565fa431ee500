package inpod.clion;

import com.jetbrains.cidr.lang.toolchains.CidrToolEnvironment;

/**
 * Whether a toolchain runs programs on this machine. The host class has been an interface and a class in CLion's life, so it is
 * asked by reflection; what can't be asked counts as local, for the layer's handshake decides in the end.
 */
final class Toolchain {
  private Toolchain() {}

  /** The other machine's name if the toolchain is remote (SSH, WSL, Docker), else null. */
  static String elsewhere(CidrToolEnvironment environment) {
    return elsewhere((Object) environment);
  }

  static String elsewhere(Object environment) {
    try {
      var machine = environment.getClass().getMethod("getHostMachine");
      Object host = machine.invoke(environment);
      if (host == null) return null;
      Class<?> type = machine.getReturnType();
      boolean remote = (Boolean) type.getMethod("isRemote").invoke(host);
      return remote ? String.valueOf(type.getMethod("getName").invoke(host)) : null;
    } catch (ReflectiveOperationException | RuntimeException notAsked) {
      return null;
    }
  }
}
