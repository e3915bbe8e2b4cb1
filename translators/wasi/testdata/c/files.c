// What a program does with files, streams and time. The same as files.rs and files.go, with the same output.
//
// python3 -m ziglang cc -target wasm32-wasi -Os -s -o files.wasm files.c
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void must(int ok, const char *what) {
  if (ok) return;
  printf("error %s: %s\n", what, strerror(errno));
  exit(1);
}

static const char *kind(int failed) {
  if (failed == 0) return "nothing";
  switch (errno) {
    case ENOENT: return "not found";
    case EEXIST: return "exists";
    case ENOTEMPTY: return "not empty";
  }
  return "other";
}

static void put(const char *path, const char *mode, const char *text) {
  FILE *file = fopen(path, mode);
  must(file != NULL, path);
  must(fputs(text, file) >= 0, "fputs");
  must(fclose(file) == 0, "fclose");
}

static void show(const char *path) {
  char buffer[100];
  FILE *file = fopen(path, "r");
  must(file != NULL, path);
  size_t length = fread(buffer, 1, sizeof buffer, file);
  must(!ferror(file), "fread");
  fclose(file);
  fwrite(buffer, 1, length, stdout);
}

static int byName(const void *a, const void *b) { return strcmp(a, b); }

static int list(const char *path, char names[][32]) {
  DIR *dir = opendir(path);
  must(dir != NULL, path);
  int count = 0;
  for (struct dirent *entry; (entry = readdir(dir));) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    snprintf(names[count++], 32, "%s%s", entry->d_name, entry->d_type == DT_DIR ? "/" : "");
  }
  closedir(dir);
  qsort(names, count, 32, byName);
  return count;
}

int main(int argc, char **argv) {
  printf("args ");
  for (int i = 1; i < argc; i++) printf("%s%s", i > 1 ? "," : "", argv[i]);
  printf("\nenv %s\n", getenv("GREETING"));

  char input[1000];
  size_t length = fread(input, 1, sizeof input - 1, stdin);
  input[length] = 0;
  printf("stdin %zu ", length);
  for (size_t i = 0; i < length; i++) putchar(toupper((unsigned char)input[i]));
  putchar('\n');

  must(mkdir("/files/dir", 0777) == 0, "mkdir");
  put("/files/dir/a.txt", "w", "hello\n");
  put("/files/dir/a.txt", "a", "world\n");
  show("/files/dir/a.txt");
  struct stat info;
  must(stat("/files/dir/a.txt", &info) == 0, "stat");
  printf("size %lld\n", (long long)info.st_size);

  must(rename("/files/dir/a.txt", "/files/dir/b.txt") == 0, "rename");
  int fd = open("/files/dir/b.txt", O_RDWR);
  must(fd >= 0, "open");
  must(lseek(fd, 6, SEEK_SET) == 6, "lseek");
  char word[6] = "";
  must(read(fd, word, 5) == 5, "read");
  printf("seek %s\n", word);
  must(ftruncate(fd, 5) == 0, "ftruncate");
  close(fd);
  printf("cut ");
  show("/files/dir/b.txt");

  must(mkdir("/files/dir/c", 0777) == 0, "mkdir");
  char names[16][32];
  int count = list("/files/dir", names);
  printf("\nlist");
  for (int i = 0; i < count; i++) printf(" %s", names[i]);

  printf("\nopen %s\n", kind(open("/files/missing", O_RDONLY)));
  printf("mkdir %s\n", kind(mkdir("/files/dir", 0777)));
  printf("rmdir %s\n", kind(rmdir("/files/dir")));
  printf("given ");
  show("/given/file");
  printf("\nwrite %s\n", fopen("/given/file", "w") ? "false" : "true");

  must(unlink("/files/dir/b.txt") == 0, "unlink");
  must(rmdir("/files/dir/c") == 0, "rmdir");
  must(rmdir("/files/dir") == 0, "rmdir");
  printf("left %d\n", list("/files", names));

  struct timespec start, end, wait = {0, 10000000};
  clock_gettime(CLOCK_MONOTONIC, &start);
  nanosleep(&wait, NULL);
  clock_gettime(CLOCK_MONOTONIC, &end);
  long long slept = (end.tv_sec - start.tv_sec) * 1000000000LL + end.tv_nsec - start.tv_nsec;
  printf("slept %s\n", slept >= 10000000 ? "true" : "false");
  fputs("done\n", stderr);
  return 7;
}
