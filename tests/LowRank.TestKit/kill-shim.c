// Put before libc (LD_PRELOAD): counts the calls that change something below the folder KILL_BELOW, and ends the process with SIGKILL
// before the one numbered KILL_AT; of a write, half is done. With KILL_FAILS that one fails instead, and the process goes on. With
// KILL_NO_EXCHANGE two folders cannot be exchanged in one step. At the end the count goes to the file KILL_COUNT.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static long count;

static int is_below(const char *path)
{
    const char *below = getenv("KILL_BELOW");
    return below && path && strncmp(path, below, strlen(below)) == 0;
}

static int is_open_below(int file)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path);
}

static int is_last(void)
{
    const char *at = getenv("KILL_AT");
    return __sync_add_and_fetch(&count, 1) == (at ? atol(at) : 0);
}

static int end(void)
{
    if (getenv("KILL_FAILS")) { errno = EIO; return -1; }
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

// Of a call that returns -1 where it fails.
#define POINT(counts) do { if ((counts) && is_last()) return end(); } while (0)

__attribute__((destructor)) static void tell(void)
{
    const char *file = getenv("KILL_COUNT");
    FILE *out = file ? fopen(file, "w") : 0;
    if (out) { fprintf(out, "%ld", count); fclose(out); }
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#define OPEN(name, before, arguments, first, given) int name(before const char *path, int flags, ...) { \
    mode_t mode = 0; if (flags & O_CREAT) { va_list list; va_start(list, flags); mode = va_arg(list, mode_t); va_end(list); } \
    REAL(name); POINT((flags & (O_CREAT | O_TRUNC)) && is_below(path)); return real(first path, flags, mode); }
#define NONE
OPEN(open, NONE, , NONE, )
OPEN(open64, NONE, , NONE, )
#define AT int folder,
#define GIVEN folder,
OPEN(openat, AT, , GIVEN, )
OPEN(openat64, AT, , GIVEN, )

ssize_t write(int file, const void *data, size_t length)
{
    REAL(write);
    if (is_open_below(file) && is_last()) { real(file, data, length / 2); return end(); }
    return real(file, data, length);
}

ssize_t pwrite64(int file, const void *data, size_t length, off64_t at)
{
    REAL(pwrite64);
    if (is_open_below(file) && is_last()) { real(file, data, length / 2, at); return end(); }
    return real(file, data, length, at);
}

ssize_t pwritev64(int file, const struct iovec *parts, int number, off64_t at)
{
    REAL(pwritev64);
    if (is_open_below(file) && is_last()) { if (number > 0) pwrite64(file, parts[0].iov_base, parts[0].iov_len / 2, at); return end(); }
    return real(file, parts, number, at);
}

ssize_t sendfile64(int to, int from, off64_t *at, size_t length)
{
    REAL(sendfile64);
    POINT(is_open_below(to));
    return real(to, from, at, length);
}

ssize_t copy_file_range(int from, off64_t *a, int to, off64_t *b, size_t length, unsigned flags)
{
    REAL(copy_file_range);
    POINT(is_open_below(to));
    return real(from, a, to, b, length, flags);
}

#define ONE(name, type, argument) int name(type argument) { REAL(name); POINT(is_below(argument)); return real(argument); }
#define HANDLE(name) int name(int file) { REAL(name); POINT(is_open_below(file)); return real(file); }
#define TWO(name) int name(const char *from, const char *to) { REAL(name); POINT(is_below(from) || is_below(to)); return real(from, to); }

ONE(unlink, const char *, path)
ONE(rmdir, const char *, path)
HANDLE(fsync)
HANDLE(fdatasync)
TWO(rename)
TWO(link)
TWO(symlink)
int mkdir(const char *path, mode_t mode) { REAL(mkdir); POINT(is_below(path)); return real(path, mode); }
int unlinkat(int folder, const char *path, int flags) { REAL(unlinkat); POINT(is_below(path)); return real(folder, path, flags); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags)
{
    REAL(renameat2);
    if ((flags & 2) && getenv("KILL_NO_EXCHANGE")) { errno = EINVAL; return -1; }
    POINT(is_below(from) || is_below(to));
    return real(a, from, b, to, flags);
}

int ftruncate64(int file, off64_t length) { REAL(ftruncate64); POINT(is_open_below(file)); return real(file, length); }
int fallocate64(int file, int mode, off64_t at, off64_t length)
{
    REAL(fallocate64);
    POINT(is_open_below(file));
    return real(file, mode, at, length);
}

