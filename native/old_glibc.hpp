// Symbols of the C library by their oldest versions, so that libbevel, built on a new system, runs on older
// ones: glibc 2.34 gave the functions that it took over from libpthread new versions, the same as before.
// Included by sources of libbevel that call them; programs that compile such a source themselves have no
// need.
#pragma once

#ifdef BEVEL_FOR_OLD_GLIBC
__asm__(".symver pthread_create, pthread_create@GLIBC_2.2.5");
__asm__(".symver pthread_attr_setstacksize, pthread_attr_setstacksize@GLIBC_2.2.5");
#endif
