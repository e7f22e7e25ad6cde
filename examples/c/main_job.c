/*
 * The main job from C, without a network: import a root file system, build a Dockerfile with RUN on it, list, save, remove,
 * load. Where RUN steps cannot run it says so, and why.
 *
 *     cc -std=c11 main_job.c -o main_job $(pkg-config --cflags --libs layerkit)
 *     ./main_job [ROOTFS.tar]
 *
 * Without a tar it makes a small root file system of the static busybox (Debian: apt-get install busybox-static).
 */
#define _GNU_SOURCE
#include <layerkit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char dockerfile[] =
    "# The main job in small.\n"
    "FROM rootfs:1\n"
    "RUN echo \"hello from a RUN step\" > /greeting\n"
    "COPY message /message\n"
    "RUN cat /greeting /message\n"
    "EXPOSE 80\n"
    "CMD [\"/bin/sh\"]\n";

static char folder[] = "/tmp/layerkit-main-job-XXXXXX";

/* Runs a shell command in the folder, which `$folder` names. */
static int shell(const char *command) { return system(command); }

/* Every function that can fail returns an error, or NULL. This program gives up at the first. */
static void must(layerkit_error *error) {
    const char *output;
    int64_t line;
    if (!error) return;
    fprintf(stderr, "%s: %s\n", layerkit_error_code(error), layerkit_error_message(error));
    if (layerkit_error_number(error, "line", &line)) fprintf(stderr, "in line %d of the Dockerfile\n", (int)line);
    if ((output = layerkit_error_text(error, "output_tail"))) fputs(output, stderr);
    layerkit_error_free(error);
    shell("rm -rf \"$folder\"");
    exit(1);
}

/* A path in the folder, to be freed. */
static char *in_folder(const char *name) {
    char *path;
    if (asprintf(&path, "%s/%s", folder, name) < 0) abort();
    return path;
}

static void write_file(const char *name, const char *text) {
    char *path = in_folder(name);
    FILE *file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file)) {
        perror(path);
        exit(1);
    }
    free(path);
}

/* Prints a build as Docker does. The event is the library's, and so are its texts. */
static int show(void *payload, const layerkit_event *event) {
    const char *name = layerkit_event_name(event);
    int64_t n = 0, total = 0;
    (void)payload;
    layerkit_event_number(event, "n", &n);
    layerkit_event_number(event, "total", &total);
    if (!strcmp(name, "step_started"))
        printf("Step %d/%d : %s\n", (int)n, (int)total, layerkit_event_text(event, "text"));
    else if (!strcmp(name, "step_cached"))
        puts(" ---> Using cache");
    else if (!strcmp(name, "step_log"))
        fputs(layerkit_event_text(event, "text"), stdout);
    else if (!strcmp(name, "step_done"))
        printf(" ---> %.12s\n", layerkit_event_text(event, "image") + strlen("sha256:"));
    return LAYERKIT_CONTINUE; /* or LAYERKIT_CANCEL */
}

/* What one line of `docker images` tells. */
static void print_image(const layerkit_image *image) {
    const char *tag = layerkit_image_tags_at(image, 0);
    printf("%-16s %.12s %10llu bytes\n", tag ? tag : "<none>", layerkit_image_id(image) + strlen("sha256:"),
           (unsigned long long)layerkit_image_size(image));
}

/* Imports a tar that is a file, or one that another program is writing to a pipe. */
static void import_root_file_system(const layerkit_engine *engine, const char *tar) {
    layerkit_import_options options = LAYERKIT_IMPORT_OPTIONS_INIT;
    layerkit_source source = LAYERKIT_SOURCE_PATH(tar);
    layerkit_image *image;
    FILE *pipe = NULL;
    if (!tar) {
        if (shell("mkdir -p \"$folder/rootfs/bin\" && cd \"$folder/rootfs/bin\" && cp /bin/busybox . &&"
                  " for name in sh cat echo; do ln -s busybox $name; done") ||
            !(pipe = popen("tar -c -C \"$folder/rootfs\" .", "r"))) {
            fprintf(stderr, "cannot make a root file system\n");
            exit(1);
        }
        source = (layerkit_source)LAYERKIT_SOURCE_FD(fileno(pipe));
    }
    options.name = "rootfs:1";
    must(layerkit_images_import(engine, &source, &options, NULL, &image));
    if (pipe) pclose(pipe);
    print_image(image);
    layerkit_image_free(image);
}

static void build(const layerkit_engine *engine, const char *context) {
    layerkit_build_options options = LAYERKIT_BUILD_OPTIONS_INIT;
    layerkit_task task = LAYERKIT_TASK_INIT;
    const char *tags[] = {"app:1"};
    layerkit_image *image;
    options.path = context;
    options.tags = tags;
    options.tags_count = 1;
    task.on_event = show;
    must(layerkit_images_build(engine, &options, &task, &image));
    print_image(image);
    layerkit_image_free(image);
}

int main(int argc, char **argv) {
    layerkit_engine_options options = LAYERKIT_ENGINE_OPTIONS_INIT;
    layerkit_engine *engine;
    layerkit_image_list *images;
    const char *names[] = {"app:1"};
    char *report;

    if (!mkdtemp(folder) || setenv("folder", folder, 1)) return 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    char *store = in_folder("store"), *context = in_folder("context"), *archive = in_folder("app.tar");
    options.root = store;
    must(layerkit_engine_open(&options, &engine));
    printf("layerkit %s, store in %s\n", layerkit_version(), layerkit_engine_root(engine));
    must(layerkit_system_info(engine, &report));
    if (strstr(report, "\"run_mode\":\"none\"")) printf("RUN will not work here: %s\n", report);
    layerkit_string_free(report);

    puts("== import");
    import_root_file_system(engine, argc > 1 ? argv[1] : NULL);

    puts("== build, and once more from the cache");
    if (shell("mkdir \"$folder/context\"")) return 1;
    write_file("context/Dockerfile", dockerfile);
    write_file("context/message", "hello from the context\n");
    build(engine, context);
    build(engine, context);

    puts("== list");
    must(layerkit_images_list(engine, NULL, &images));
    for (size_t i = 0; i < layerkit_image_list_count(images); i++) print_image(layerkit_image_list_at(images, i));
    layerkit_image_list_free(images);

    puts("== save, remove, load");
    layerkit_target target = LAYERKIT_TARGET_PATH(archive);
    layerkit_source source = LAYERKIT_SOURCE_PATH(archive);
    must(layerkit_images_save(engine, names, 1, &target, NULL, NULL));
    must(layerkit_images_remove(engine, "app:1", NULL, &report));
    puts(report);
    layerkit_string_free(report);
    must(layerkit_images_load(engine, &source, NULL, NULL, &images));
    print_image(layerkit_image_list_at(images, 0));
    layerkit_image_list_free(images);

    puts("== verify");
    must(layerkit_system_verify(engine, NULL, NULL, &report));
    puts(report);
    layerkit_string_free(report);

    layerkit_engine_free(engine);
    free(store), free(context), free(archive);
    return shell("rm -rf \"$folder\"") ? 1 : 0;
}
