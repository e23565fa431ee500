package inpod.session;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/** Lines of UTF-8 from a stream, none longer than a limit, so that a broken peer can't fill the IDE's memory. One thread. */
final class LineReader {
  static final class TooLong extends IOException {
    TooLong(int limit) {
      super("a line of more than " + limit + " bytes");
    }
  }

  private final InputStream input;
  private final int limit;
  private final byte[] block = new byte[8192];
  private int at = 0, filled = 0;

  LineReader(InputStream input, int limit) {
    this.input = input;
    this.limit = limit;
  }

  /** Null at the end. What stands behind the last line break counts as a line only if it is not empty. */
  String read() throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    while (true) {
      if (at == filled) {
        filled = input.read(block);
        at = 0;
        if (filled <= 0) {
          filled = 0;
          return line.size() == 0 ? null : line.toString(StandardCharsets.UTF_8);
        }
      }
      int end = at;
      while (end < filled && block[end] != '\n') ++end;
      line.write(block, at, end - at);
      if (line.size() > limit) throw new TooLong(limit);
      at = end;
      if (end < filled) {
        ++at;
        return line.toString(StandardCharsets.UTF_8);
      }
    }
  }
}
