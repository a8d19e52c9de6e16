/* SPDX-License-Identifier: Apache-2.0
 * Runs every file of corpus/<target>/ and regressions/<target>/ through its target; needs no
 * fuzzing compiler. Fails when a corpus is missing or empty; a finding stops the program and names
 * its file. Usage: fuzz_replay [DIRECTORY [TARGET...]], or one file: fuzz_replay -f TARGET FILE. */
#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fuzz/fuzz.h"

typedef struct target {
    const char *name;
    int (*run)(const uint8_t *p, size_t n);
} target;

#define X(name) {#name, fuzz_##name},
static const target targets[] = {FUZZ_TARGETS(X)};
#undef X

static const char *running; /* for name_file */

static void name_file(int sig)
{
    if (running && write(2, running, strlen(running)) > 0 && write(2, ": fails\n", 8) > 0)
        running = NULL;
    signal(sig, SIG_DFL);
    raise(sig);
}

static bool run_file(const target *t, const char *path)
{
    struct stat st;
    FILE *f = fopen(path, "rb");
    if (!f || fstat(fileno(f), &st) != 0) {
        perror(path);
        return false;
    }
    size_t n = (size_t)st.st_size;
    uint8_t *p = malloc(n ? n : 1);
    bool ok = p && fread(p, 1, n, f) == n;
    fclose(f);
    if (ok)
        t->run(p, n);
    free(p);
    return ok;
}

/* How many files were run; -1: one could not be read. */
static int run_dir(const target *t, const char *dir, const char *kind)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s/%s", dir, kind, t->name);
    DIR *d = opendir(path);
    int n = 0;
    for (struct dirent *e; d && n >= 0 && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        char file[8192];
        snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        running = file;
        n = run_file(t, file) ? n + 1 : -1;
    }
    if (d)
        closedir(d);
    return n;
}

static bool wanted(const target *t, int argc, char **argv)
{
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], t->name) == 0)
            return true;
    return argc <= 2;
}

static int run_one(const char *name, const char *file)
{
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        if (strcmp(targets[i].name, name) == 0)
            return run_file(&targets[i], file) ? 0 : 1;
    fprintf(stderr, "no target is named %s\n", name);
    return 2;
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : NHTB_SOURCE_DIR "/tests/fuzz";
    bool failed = false;
    signal(SIGABRT, name_file);
    signal(SIGILL, name_file);
    signal(SIGSEGV, name_file);
    signal(SIGFPE, name_file);
    if (argc == 4 && strcmp(argv[1], "-f") == 0)
        return run_one(argv[2], argv[3]);
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        const target *t = &targets[i];
        if (!wanted(t, argc, argv))
            continue;
        clock_t start = clock();
        int corpus = run_dir(t, dir, "corpus"), regressions = run_dir(t, dir, "regressions");
        printf("%-16s %3d corpus files, %d regressions, %.2f s\n", t->name, corpus, regressions,
               (double)(clock() - start) / CLOCKS_PER_SEC);
        fflush(stdout);
        failed = failed || corpus <= 0 || regressions < 0;
    }
    if (failed)
        fprintf(stderr, "a corpus is empty or a file cannot be read\n");
    return failed;
}
