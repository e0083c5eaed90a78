/*
 * Loaded before libc: makes the disk fail for files below one folder. FAULT_UNDER: that folder. FAULT_AT: which call
 * fails, counted from 1. FAULT_ERRNO: with what; 0 writes a quarter of what was asked for. FAULT_KEEP: from then on, all of
 * them. FAULT_HIT: a file that is made when the first one failed, and says which call it was.
 * FAULT_KILL: instead of failing, SIGKILL for `self`, `parent` or `group` at that call; with FAULT_ERRNO 0 a write's first
 * quarter is written before. FAULT_IN: only in processes whose name begins so, as in `node` or `qemu-img commit`.
 * FAULT_COUNT: a file that each process adds a line to when it ends: how many such calls it made, and its name.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#undef fwrite_unlocked

static atomic_int calls;
static char called[64];

__attribute__((constructor)) static void begin(int argc, char **argv) {
  const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
  const char *program = argc == 0 ? "" : slash ? slash + 1 : argv[0];
  const char *verb = argc > 1 && strcmp(program, "qemu-img") == 0 ? argv[1] : "";
  snprintf(called, sizeof called, "%s%s%s", program, *verb ? " " : "", verb);
}

__attribute__((destructor)) static void end(void) {
  char line[128];
  const char *path = getenv("FAULT_COUNT");
  int fd = path ? REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
  if (fd < 0) return;
  int length = snprintf(line, sizeof line, "%d %s\n", atomic_load(&calls), called);
  if (REAL(write)(fd, line, length) < 0) perror("FAULT_COUNT");
  close(fd);
}

static int below(const char *path) {
  const char *under = getenv("FAULT_UNDER");
  if (!under || !path) return 0;
  size_t length = strlen(under);
  return strncmp(path, under, length) == 0 && (path[length] == '/' || path[length] == '.' || path[length] == '\0');
}

static int below_fd(int fd) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = '\0';
  return below(path);
}

/* Comes back only when it was another process that died. */
static void die(const char *whom) {
  int parent = strcmp(whom, "parent") == 0;
  kill(parent ? getppid() : strcmp(whom, "group") == 0 ? 0 : getpid(), SIGKILL);
  while (!parent) pause();
}

/* 0: go on; 1: fail, errno is set; 2: write a quarter, then call `after_short`. */
static int fault(int can_be_short, const char *function) {
  const char *at = getenv("FAULT_AT"), *in = getenv("FAULT_IN"), *killed = getenv("FAULT_KILL");
  if (!at || (in && strncmp(called, in, strlen(in)) != 0)) return 0;
  int call = atomic_fetch_add(&calls, 1) + 1;
  if (getenv("FAULT_KEEP") ? call < atoi(at) : call != atoi(at)) return 0;
  int fd = REAL(open)(getenv("FAULT_HIT"), O_WRONLY | O_CREAT, 0600);
  if (fd >= 0 && REAL(write)(fd, function, strlen(function)) >= 0) close(fd);
  int number = atoi(getenv("FAULT_ERRNO"));
  if (number == 0 && can_be_short) return 2;
  if (killed) die(killed);
  if (number == 0 || killed) return 0;
  errno = number;
  return 1;
}

static void after_short(void) {
  const char *killed = getenv("FAULT_KILL");
  if (killed) die(killed);
}

#define FAILS(asked) ((asked) && fault(0, __func__) == 1)

#define WRITER(name, signature, ...)                          \
  ssize_t name signature {                                    \
    int how = below_fd(fd) ? fault(1, #name) : 0;             \
    if (how == 1) return -1;                                  \
    if (how == 2 && size > 3) size /= 4;                      \
    ssize_t written = REAL(name)(__VA_ARGS__);                \
    if (how == 2) after_short();                              \
    return written;                                           \
  }
WRITER(write, (int fd, const void *data, size_t size), fd, data, size)
WRITER(pwrite, (int fd, const void *data, size_t size, off_t at), fd, data, size, at)
WRITER(pwrite64, (int fd, const void *data, size_t size, off64_t at), fd, data, size, at)

#define PARTS_WRITER(name, signature, ...) \
  ssize_t name signature { return FAILS(below_fd(fd)) ? -1 : REAL(name)(__VA_ARGS__); }
PARTS_WRITER(writev, (int fd, const struct iovec *parts, int count), fd, parts, count)
PARTS_WRITER(pwritev, (int fd, const struct iovec *parts, int count, off_t at), fd, parts, count, at)
PARTS_WRITER(pwritev64, (int fd, const struct iovec *parts, int count, off64_t at), fd, parts, count, at)

size_t fwrite_unlocked(const void *data, size_t size, size_t count, FILE *file) {
  return FAILS(below_fd(fileno(file))) ? 0 : REAL(fwrite_unlocked)(data, size, count, file);
}
int fflush_unlocked(FILE *file) {
  return file && FAILS(below_fd(fileno(file))) ? EOF : REAL(fflush_unlocked)(file);
}
int fsync(int fd) { return FAILS(below_fd(fd)) ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return FAILS(below_fd(fd)) ? -1 : REAL(fdatasync)(fd); }
int ftruncate(int fd, off_t size) { return FAILS(below_fd(fd)) ? -1 : REAL(ftruncate)(fd, size); }
int ftruncate64(int fd, off64_t size) { return FAILS(below_fd(fd)) ? -1 : REAL(ftruncate64)(fd, size); }
int fallocate(int fd, int mode, off_t at, off_t size) { return FAILS(below_fd(fd)) ? -1 : REAL(fallocate)(fd, mode, at, size); }
int fallocate64(int fd, int mode, off64_t at, off64_t size) { return FAILS(below_fd(fd)) ? -1 : REAL(fallocate64)(fd, mode, at, size); }
int rename(const char *from, const char *to) { return FAILS(below(to)) ? -1 : REAL(rename)(from, to); }
int link(const char *from, const char *to) { return FAILS(below(to)) ? -1 : REAL(link)(from, to); }
int unlink(const char *path) { return FAILS(below(path)) ? -1 : REAL(unlink)(path); }
int mkdir(const char *path, mode_t mode) { return FAILS(below(path)) ? -1 : REAL(mkdir)(path, mode); }
char *mkdtemp(char *path) { return FAILS(below(path)) ? NULL : REAL(mkdtemp)(path); }

#define OPENER(name)                                          \
  int name(const char *path, int flags, ...) {                \
    va_list rest;                                             \
    va_start(rest, flags);                                    \
    mode_t mode = va_arg(rest, mode_t);                       \
    va_end(rest);                                             \
    if ((flags & O_CREAT) && FAILS(below(path))) return -1;        \
    return REAL(name)(path, flags, mode);                     \
  }
OPENER(open)
OPENER(open64)

#define FILE_OPENER(name)                                     \
  FILE *name(const char *path, const char *mode) {            \
    if (*mode != 'r' && FAILS(below(path))) return NULL;           \
    return REAL(name)(path, mode);                            \
  }
FILE_OPENER(fopen)
FILE_OPENER(fopen64)
