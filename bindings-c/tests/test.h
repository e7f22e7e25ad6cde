/* What the test programs share: a counter, a folder of their own, and files to feed the library with. */
#ifndef TEST_H
#define TEST_H

#include <fcntl.h>
#include <ftw.h>
#include <layerkit.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int passed, failed, wrong;
static char folder[64];

/* Notes that something is not as it should be, and goes on. */
#define CHECK(condition) check((condition), #condition, __LINE__)
/* A call has to succeed. */
#define GOOD(call) good((call), #call, __LINE__)
/* A call has to fail with this code, and with this text in the message. */
#define FAILS(call, code, text) fails((call), (code), (text), #call, __LINE__)
/* Runs a test and counts it. */
#define TEST(function) test(function, #function)

static inline int check(int condition, const char *what, int line) {
    if (!condition) {
        fprintf(stderr, "line %d: %s\n", line, what);
        wrong = 1;
    }
    return condition;
}

static inline void good(layerkit_error *error, const char *what, int line) {
    if (error) {
        fprintf(stderr, "line %d: %s: %s\n", line, what, layerkit_error_message(error));
        wrong = 1;
    }
    layerkit_error_free(error);
}

static inline void fails(layerkit_error *error, const char *code, const char *text, const char *what, int line) {
    if (!error) {
        fprintf(stderr, "line %d: %s: did not fail\n", line, what);
        wrong = 1;
    } else if (strcmp(layerkit_error_code(error), code) || !strstr(layerkit_error_message(error), text)) {
        fprintf(stderr, "line %d: %s: %s: %s\n", line, what, layerkit_error_code(error), layerkit_error_message(error));
        wrong = 1;
    }
    layerkit_error_free(error);
}

static inline int remove_entry(const char *path, const struct stat *stat, int flag, struct FTW *walk) {
    (void)stat, (void)flag, (void)walk;
    return remove(path);
}

static inline void test(void (*function)(void), const char *name) {
    wrong = 0;
    strcpy(folder, "/tmp/layerkit-c-XXXXXX");
    if (!mkdtemp(folder)) {
        perror(folder);
        exit(2);
    }
    function();
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    if (wrong) {
        fprintf(stderr, "FAILED %s\n", name);
        failed++;
    } else {
        passed++;
    }
}

/* The closing line, and the program's exit code. */
static inline int totals(void) {
    printf("%d passed, %d failed\n", passed, failed);
    return failed ? 1 : 0;
}

/* A path in the test's folder. It lasts until eight more were asked for. */
static inline const char *in_folder(const char *name) {
    static char paths[8][160];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static inline void write_file(const char *name, const void *bytes, size_t length) {
    FILE *file = fopen(in_folder(name), "wb");
    if (!CHECK(file != NULL)) return;
    CHECK(fwrite(bytes, 1, length, file) == length);
    CHECK(fclose(file) == 0);
}

static inline void octal(char *field, int digits, size_t number) {
    for (; digits-- > 0; number /= 8) field[digits] = (char)('0' + number % 8);
}

/* A tar with one file, `name` with `content`: 512 bytes of header, the content, two empty blocks. Returns its length. */
static inline size_t make_tar(char tar[2560], const char *name, const char *content) {
    size_t length = strlen(content), sum = 0;
    memset(tar, 0, 2560);
    snprintf(tar, 100, "%s", name);
    strcpy(tar + 100, "0000644");
    strcpy(tar + 108, "0000000");
    strcpy(tar + 116, "0000000");
    octal(tar + 124, 11, length);
    strcpy(tar + 136, "00000000000");
    memset(tar + 148, ' ', 8);
    tar[156] = '0';
    memcpy(tar + 257, "ustar\00000", 8);
    for (int i = 0; i < 512; i++) sum += (unsigned char)tar[i];
    octal(tar + 148, 6, sum);
    tar[154] = 0;
    memcpy(tar + 512, content, length);
    return 512 + 512 + 1024;
}

/* The path of a tar with the file /hello in it. */
static inline const char *hello_tar(void) {
    char tar[2560];
    write_file("hello.tar", tar, make_tar(tar, "hello", "hello\n"));
    return in_folder("hello.tar");
}

/* An engine in the test's folder. */
static inline layerkit_engine *open_engine(void) {
    layerkit_engine_options options = LAYERKIT_ENGINE_OPTIONS_INIT;
    layerkit_engine *engine = NULL;
    options.root = in_folder("store");
    GOOD(layerkit_engine_open(&options, &engine));
    return engine;
}

/* Whether commands run here: not under valgrind, which does not know how to wait for a child by its descriptor. */
static int commands_run;

static inline void ask_whether_commands_run(void) {
    layerkit_engine *engine = open_engine();
    char *info = NULL;
    GOOD(layerkit_system_info(engine, &info));
    commands_run = info && !strstr(info, "\"run_mode\":\"none\"");
    if (!commands_run) fprintf(stderr, "what runs commands is left out: %s\n", strstr(info, "\"run_reason\""));
    layerkit_string_free(info);
    layerkit_engine_free(engine);
}

/* The image busybox:1: the static busybox with some names. */
static inline void import_busybox(const layerkit_engine *engine) {
    static const char make[] =
        "mkdir -p %s/bin %s/tmp && cd %s/bin && cp /bin/busybox . &&"
        " for name in sh cat echo sleep true stty; do ln -s busybox $name; done && tar -c -C .. .";
    const char *root = in_folder("busybox");
    layerkit_import_options options = LAYERKIT_IMPORT_OPTIONS_INIT;
    layerkit_image *image = NULL;
    char command[1024];
    FILE *pipe;
    snprintf(command, sizeof command, make, root, root, root);
    if (!CHECK((pipe = popen(command, "r")) != NULL)) return;
    layerkit_source source = LAYERKIT_SOURCE_FD(fileno(pipe));
    options.name = "busybox:1";
    GOOD(layerkit_images_import(engine, &source, &options, NULL, &image));
    layerkit_image_free(image);
    CHECK(pclose(pipe) == 0);
}

/* What a command wrote. */
struct written {
    char bytes[4096];
    size_t length;
    int answer; /* what the callback returns */
};

static inline int write_down(void *payload, const void *bytes, size_t length) {
    struct written *written = payload;
    size_t room = sizeof written->bytes - 1 - written->length;
    if (length > room) length = room;
    memcpy(written->bytes + written->length, bytes, length);
    written->length += length;
    return written->answer;
}

/* Streams that write down what comes. */
static inline layerkit_container_streams streams_to(struct written *out, struct written *err) {
    layerkit_container_streams streams = LAYERKIT_CONTAINER_STREAMS_INIT;
    memset(out, 0, sizeof *out);
    memset(err, 0, sizeof *err);
    streams.stdout_write = streams.stderr_write = write_down;
    streams.stdout_payload = out;
    streams.stderr_payload = err;
    return streams;
}

/* Options for a shell command in a container. They last until the next are asked for. */
static inline layerkit_create_options *shell(const char *script) {
    static layerkit_create_options options;
    static const char *command[3] = {"/bin/sh", "-c", NULL};
    options = (layerkit_create_options)LAYERKIT_CREATE_OPTIONS_INIT;
    command[2] = script;
    options.command = command;
    options.command_count = 3;
    return &options;
}

/* The image of that tar, with a name. */
static inline layerkit_image *import_hello(const layerkit_engine *engine, const char *name) {
    layerkit_source source = LAYERKIT_SOURCE_PATH(hello_tar());
    layerkit_import_options options = LAYERKIT_IMPORT_OPTIONS_INIT;
    layerkit_image *image = NULL;
    options.name = name;
    GOOD(layerkit_images_import(engine, &source, &options, NULL, &image));
    return image;
}

#endif
