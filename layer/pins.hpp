// Symbol versions: libc functions that the layer itself calls and that newer glibcs have given new versions.
//
// Without a pin, a layer built on Debian 12 would not load on an older distribution. dlsym and
// pthread_atfork's helper live in other files since glibc 2.34, hence the link with libdl.so.2, which every
// glibc still ships.
#pragma once

#if defined(__x86_64__)
#define INPOD_PIN(name) __asm__(".symver " #name "," #name "@GLIBC_2.2.5")
#elif defined(__aarch64__)
#define INPOD_PIN(name) __asm__(".symver " #name "," #name "@GLIBC_2.17")
#endif

INPOD_PIN(dlsym);
INPOD_PIN(dladdr);
#if defined(__x86_64__)
__asm__(".symver dladdr1,dladdr1@GLIBC_2.3.3");
#else
INPOD_PIN(dladdr1);
#endif
