// A debug adapter that is made for tests of the relay: it writes down every body that it receives, byte for
// byte, and sends what it is told.
//   argv[1]  file: "LENGTH\nBODY" of each message received is appended
//   argv[2]  file of bodies to send, in the same form; the N-th goes out when the N-th request has come, with
//   each
//            "@REQUEST_SEQ@" in it replaced by that request's seq; may be missing
// Ends at the end of stdin. No JSON library: what it does must not depend on what a parser makes of the
// bytes.
#include <cctype>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

namespace {

std::vector<std::string> read_bodies(const char* path) {
  std::ifstream in(path, std::ios::binary);
  std::vector<std::string> out;
  for (std::string length; std::getline(in, length);) {
    std::string body(std::stoul(length), '\0');
    in.read(body.data(), static_cast<std::streamsize>(body.size()));
    out.push_back(body);
  }
  return out;
}

bool read_message(std::string& body) {
  std::size_t length = 0;
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "\r") break;
    if (line.starts_with("Content-Length: ")) length = std::stoul(line.substr(16));
  }
  body.assign(length, '\0');
  std::cin.read(body.data(), static_cast<std::streamsize>(length));
  return static_cast<bool>(std::cin);
}

/// The digits behind the first "seq": of the proxy's own spelling at the top level, which tests put first.
std::string seq_of(const std::string& body) {
  const auto at = body.find("\"seq\"");
  auto digit = at == std::string::npos ? body.size() : body.find_first_of("0123456789", at);
  std::string out;
  for (; digit < body.size() && isdigit(static_cast<unsigned char>(body[digit])); ++digit) out += body[digit];
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  std::ofstream log(argv[1], std::ios::binary | std::ios::app);
  const auto answers = argc > 2 ? read_bodies(argv[2]) : std::vector<std::string>();
  std::size_t count = 0;
  for (std::string body; read_message(body);) {
    log << body.size() << "\n" << body << std::flush;
    if (count >= answers.size()) continue;
    std::string answer = answers[count++];
    const std::string mark = "@REQUEST_SEQ@", seq = seq_of(body);
    for (std::size_t at; (at = answer.find(mark)) != std::string::npos;) answer.replace(at, mark.size(), seq);
    std::cout << "Content-Length: " << answer.size() << "\r\n\r\n" << answer << std::flush;
  }
  return 0;
}
