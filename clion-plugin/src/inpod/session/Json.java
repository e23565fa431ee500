package inpod.session;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads one JSON text (RFC 8259) into maps, lists, strings, numbers, booleans and null. Small on purpose: the plug-in brings
 * no library, and takes none of the IDE's. Nesting is limited; the length is the caller's to limit (LineReader).
 */
public final class Json {
  public static final class SyntaxException extends Exception {
    SyntaxException(String text) {
      super(text);
    }
  }

  private static final int MOST_NESTED = 64;

  private final String text;
  private int at = 0;

  private Json(String text) {
    this.text = text;
  }

  public static Object parse(String text) throws SyntaxException {
    Json parser = new Json(text);
    Object value = parser.value(0);
    parser.skipSpace();
    if (parser.at != text.length()) throw parser.error("something follows the value");
    return value;
  }

  /** The object that the text is; anything else is an error. */
  @SuppressWarnings("unchecked")
  public static Map<String, Object> parseObject(String text) throws SyntaxException {
    if (parse(text) instanceof Map<?, ?> object) return (Map<String, Object>) object;
    throw new SyntaxException("not an object");
  }

  /** The member's text, or "" where it is missing or something else. */
  public static String text(Map<String, Object> object, String key) {
    return object.get(key) instanceof String value ? value : "";
  }

  public static long number(Map<String, Object> object, String key) {
    return object.get(key) instanceof Number value ? value.longValue() : 0;
  }

  private SyntaxException error(String what) {
    return new SyntaxException(what + " at character " + at);
  }

  private void skipSpace() {
    while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) ++at;
  }

  private char next() throws SyntaxException {
    if (at == text.length()) throw error("the text ends too early");
    return text.charAt(at++);
  }

  private Object value(int depth) throws SyntaxException {
    if (depth > MOST_NESTED) throw error("too deeply nested");
    skipSpace();
    char first = next();
    switch (first) {
      case '{':
        return object(depth);
      case '[':
        return array(depth);
      case '"':
        return string();
      case 't':
        return word("true", true);
      case 'f':
        return word("false", false);
      case 'n':
        return word("null", null);
      default:
        --at;
        return number();
    }
  }

  private Object word(String word, Object value) throws SyntaxException {
    if (!text.startsWith(word, at - 1)) throw error("unknown word");
    at += word.length() - 1;
    return value;
  }

  private Number number() throws SyntaxException {
    int start = at;
    while (at < text.length() && "+-.0123456789eE".indexOf(text.charAt(at)) >= 0) ++at;
    String digits = text.substring(start, at);
    try {
      if (digits.chars().allMatch(c -> c == '-' || Character.isDigit(c))) return Long.valueOf(digits);
      return Double.valueOf(digits);
    } catch (NumberFormatException notOne) {
      throw error("neither a value nor a number");
    }
  }

  private String string() throws SyntaxException {
    StringBuilder result = new StringBuilder();
    while (true) {
      char c = next();
      if (c == '"') return result.toString();
      if (c < 0x20) throw error("a control character in a string");
      result.append(c == '\\' ? escaped() : c);
    }
  }

  private char escaped() throws SyntaxException {
    char c = next();
    int known = "\"\\/bfnrt".indexOf(c);
    if (known >= 0) return "\"\\/\b\f\n\r\t".charAt(known);
    if (c != 'u' || at + 4 > text.length()) throw error("unknown escape");
    try {
      char value = (char) Integer.parseInt(text.substring(at, at + 4), 16);
      at += 4;
      return value;
    } catch (NumberFormatException notOne) {
      throw error("unknown escape");
    }
  }

  private List<Object> array(int depth) throws SyntaxException {
    List<Object> result = new ArrayList<>();
    skipSpace();
    if (at < text.length() && text.charAt(at) == ']') {
      ++at;
      return result;
    }
    while (true) {
      result.add(value(depth + 1));
      skipSpace();
      char c = next();
      if (c == ']') return result;
      if (c != ',') throw error("expected , or ]");
    }
  }

  private Map<String, Object> object(int depth) throws SyntaxException {
    Map<String, Object> result = new LinkedHashMap<>();
    skipSpace();
    if (at < text.length() && text.charAt(at) == '}') {
      ++at;
      return result;
    }
    while (true) {
      skipSpace();
      if (next() != '"') throw error("expected a key");
      String key = string();
      skipSpace();
      if (next() != ':') throw error("expected :");
      result.put(key, value(depth + 1));
      skipSpace();
      char c = next();
      if (c == '}') return result;
      if (c != ',') throw error("expected , or }");
    }
  }
}
