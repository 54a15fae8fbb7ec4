// Included before everything in the addon that is published (scripts/cmake-js-as-node-gyp.mjs): what it takes
// of the system's libraries is then in old ones, too. LibTorch itself wants glibc 2.28 and GLIBCXX 3.4.22.
#pragma once
#if defined(__linux__) && defined(__x86_64__)
#include <cstddef>
#if defined(__GLIBC__)
#include <sys/stat.h>
// Functions that moved from other libraries into libc are still there under their first version.
__asm__(".symver dlopen,dlopen@GLIBC_2.2.5");
__asm__(".symver dlsym,dlsym@GLIBC_2.2.5");
__asm__(".symver dladdr,dladdr@GLIBC_2.2.5");
__asm__(".symver dlerror,dlerror@GLIBC_2.2.5");
__asm__(".symver pthread_once,pthread_once@GLIBC_2.2.5");
__asm__(".symver pthread_setname_np,pthread_setname_np@GLIBC_2.12");
__asm__(".symver _ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE,"
        "_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE@GLIBCXX_3.4.11");
// Waiting by the clock that nobody sets came with glibc 2.30.
#undef _GLIBCXX_USE_PTHREAD_COND_CLOCKWAIT
// In glibc 2.32 a variable, 2.33 a function.
extern "C" {
__attribute__((weak, visibility("hidden"))) char __libc_single_threaded = 0;
int __fxstat(int, int, struct stat *);
__attribute__((weak, visibility("hidden"))) int fstat(int file, struct stat *info) noexcept {
  return __fxstat(1, file, info);
}
}
#endif
#endif
