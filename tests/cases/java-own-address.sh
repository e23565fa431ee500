#!/bin/bash
# A Java server at the address that its host name and its interfaces tell, and a client that is bound there.
# @only-outside
# @flags --steal
# @world exec python3 -c 'import socket; l = socket.create_server(("10.77.0.1", 9005)); print("ready", flush=True); c, peer = l.accept(); c.sendall((peer[0] + "\n").encode()); c.close()'
# @drive python3 -c 'import socket; c = socket.create_connection(("10.77.0.2", 8140), 10); print(c.recv(100).decode())'
# @right eth0 10.77.0.2
# @right eth0 fd77::2
# @right my name web-5d8f/10.77.0.2
# @right the peer sees 10.77.0.2
# @right ready
# @right /10.77.0.2 accepted /10.77.0.1
# @right hello
cat >Own.java <<'END'
import java.io.*;
import java.net.*;
import java.util.*;

public class Own {
  static String text(InetAddress address) throws Exception {
    return address instanceof Inet6Address ? InetAddress.getByAddress(address.getAddress()).getHostAddress().replaceAll("(:0)+:", "::") : address.getHostAddress();
  }
  public static void main(String[] arguments) throws Exception {
    var eth0 = NetworkInterface.getByName("eth0");
    eth0.inetAddresses().filter(address -> !address.isLinkLocalAddress() && !address.getHostAddress().startsWith("10.77.3."))
        .map(address -> { try { return text(address); } catch (Exception e) { return e.toString(); } }).sorted().forEach(line -> System.out.println("eth0 " + line));
    var own = InetAddress.getLocalHost();
    System.out.println("my name " + own);
    try (var client = new Socket("10.77.0.1", 9005, own, 0)) {
      System.out.println("the peer sees " + new BufferedReader(new InputStreamReader(client.getInputStream())).readLine());
    }
    try (var server = new ServerSocket(8140, 5, own)) {
      System.out.println("ready");
      server.setSoTimeout(30000);
      try (var client = server.accept()) {
        System.out.println(server.getInetAddress().toString().replaceAll(".*/", "/") + " accepted " + client.getInetAddress());
        client.getOutputStream().write("hello".getBytes());
      }
    }
  }
}
END
exec java Own.java
