// A certificate for 127.0.0.1 that signs itself, and a server's side of TLS with it. Blocking; for tests.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "catch.hpp"

namespace inpod::kube::test {

class TlsIdentity {
 public:
  TlsIdentity() : context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free) {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
    X509_set_version(certificate.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key.get());
    X509_NAME* name = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("canned"), -1,
                               -1, 0);
    X509_set_issuer_name(certificate.get(), name);
    X509_EXTENSION* names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(certificate.get(), names, -1);
    X509_EXTENSION_free(names);
    REQUIRE(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
    REQUIRE(SSL_CTX_use_certificate(context_.get(), certificate.get()) == 1);
    REQUIRE(SSL_CTX_use_PrivateKey(context_.get(), key.get()) == 1);
    const std::unique_ptr<BIO, decltype(&BIO_free)> text(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_X509(text.get(), certificate.get());
    char* bytes = nullptr;
    const long length = BIO_get_mem_data(text.get(), &bytes);
    pem_.assign(bytes, static_cast<std::size_t>(length));
  }
  const std::string& certificate() const { return pem_; }
  SSL_CTX* context() const { return context_.get(); }

 private:
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::string pem_;
};

/// A connection that was accepted; without an identity it is not encrypted. The descriptor stays its
/// caller's.
class TlsConnection {
 public:
  TlsConnection(const TlsIdentity* identity, int fd) : fd_(fd), ssl_(nullptr, SSL_free) {
    if (!identity) return;
    ssl_.reset(SSL_new(identity->context()));
    SSL_set_fd(ssl_.get(), fd);
    SSL_accept(ssl_.get());
  }
  ~TlsConnection() {
    if (ssl_) SSL_shutdown(ssl_.get());
  }
  TlsConnection(const TlsConnection&) = delete;

  ssize_t read(char* to, std::size_t most) const {
    return ssl_ ? SSL_read(ssl_.get(), to, static_cast<int>(most)) : ::read(fd_, to, most);
  }
  ssize_t write(const char* from, std::size_t length) const {
    return ssl_ ? SSL_write(ssl_.get(), from, static_cast<int>(length))
                : ::send(fd_, from, length, MSG_NOSIGNAL);
  }

 private:
  int fd_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
};

}  // namespace inpod::kube::test
