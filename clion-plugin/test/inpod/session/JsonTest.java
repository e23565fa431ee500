package inpod.session;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.Test;

public class JsonTest {
  @Test
  public void readsEveryKindOfValue() throws Exception {
    assertEquals(Map.of("a", List.of(1L, -2L, 1.5, true, false), "b", Map.of(), "c", List.of()),
        Json.parse(" {\"a\": [1, -2, 1.5, true, false], \"b\":{}, \"c\":[]} "));
    assertEquals(Arrays.asList((Object) null), Json.parse("[null]"));
    assertEquals("\"\\/\b\f\n\r\tä€😀 ü", Json.parse("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\u20ac\\ud83d\\ude00 ü\""));
  }

  @Test
  public void refusesWhatIsNone() {
    for (String bad : List.of("", "{", "[1,]", "{\"a\"}", "{\"a\":1,}", "nul", "\"a", "\"\\x\"", "\"\\u12g4\"", "\"\n\"", "1 2", "-", "1e", "{a:1}", "'a'",
        "[".repeat(100_000))) {
      assertThrows(bad.length() > 20 ? "deep" : bad, Json.SyntaxException.class, () -> Json.parse(bad));
    }
    assertThrows(Json.SyntaxException.class, () -> Json.parseObject("[]"));
  }
}
