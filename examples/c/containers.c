/*
 * Containers from C, without a network: run a command and take what it writes, feed one from a file, leave one running, execute a
 * command in it, read its log, stop it, and make an image of it.
 *
 *     cc -std=c11 containers.c -o containers $(pkg-config --cflags --libs layerkit)
 *     ./containers FOLDER ROOTFS.tar
 *
 * FOLDER/store is the store. The tar has a root file system with a shell.
 */
#include <layerkit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every function that can fail returns an error, or NULL. This program gives up at the first. */
static void must(layerkit_error *error) {
    if (!error) return;
    fprintf(stderr, "%s: %s\n", layerkit_error_code(error), layerkit_error_message(error));
    layerkit_error_free(error);
    exit(1);
}

/* Takes what a command writes, as it comes; the payload is what stands in front of it. */
static int show(void *payload, const void *bytes, size_t length) {
    printf("%s%.*s", (const char *)payload, (int)length, (const char *)bytes);
    return LAYERKIT_CONTINUE; /* or LAYERKIT_CANCEL, which ends the command */
}

/* Gives a command what it reads, a piece at a time; 0 is the end. */
static int64_t give(void *payload, void *buffer, size_t length) {
    const char **rest = payload;
    size_t count = strlen(*rest);
    if (count > length) count = length;
    memcpy(buffer, *rest, count);
    *rest += count;
    return (int64_t)count;
}

/* Runs a shell command in the foreground; its container goes with it. */
static void run(const layerkit_engine *engine, const char *script, const char *input) {
    const char *command[] = {"/bin/sh", "-c", script};
    layerkit_create_options create = LAYERKIT_CREATE_OPTIONS_INIT;
    layerkit_run_options options = LAYERKIT_RUN_OPTIONS_INIT;
    layerkit_container_streams streams = LAYERKIT_CONTAINER_STREAMS_INIT;
    int32_t exit_code;
    create.command = command;
    create.command_count = 3;
    create.auto_remove = 1;
    create.stdin_open = input != NULL;
    options.create = &create;
    streams.stdout_write = show;
    streams.stdout_payload = "out: ";
    streams.stderr_fd = 2; /* a descriptor does as well */
    if (input) {
        streams.stdin_read = give;
        streams.stdin_payload = &input;
    }
    must(layerkit_containers_run(engine, "rootfs:1", &options, &streams, NULL, &exit_code, NULL, NULL));
    printf("exit code %d\n", (int)exit_code);
}

/* Starts one that outlives this program, unless it is stopped. */
static layerkit_container *leave_running(const layerkit_engine *engine, const char *script) {
    const char *command[] = {"/bin/sh", "-c", script};
    layerkit_create_options create = LAYERKIT_CREATE_OPTIONS_INIT;
    layerkit_run_options options = LAYERKIT_RUN_OPTIONS_INIT;
    layerkit_container *container;
    create.command = command;
    create.command_count = 3;
    options.create = &create;
    options.detach = 1;
    must(layerkit_containers_run(engine, "rootfs:1", &options, NULL, NULL, NULL, NULL, &container));
    return container;
}

int main(int argc, char **argv) {
    char root[4096];
    layerkit_engine_options options = LAYERKIT_ENGINE_OPTIONS_INIT;
    layerkit_import_options named = LAYERKIT_IMPORT_OPTIONS_INIT;
    layerkit_container_streams streams = LAYERKIT_CONTAINER_STREAMS_INIT;
    layerkit_exec_options exec = LAYERKIT_EXEC_OPTIONS_INIT;
    layerkit_stop_options at_once = LAYERKIT_STOP_OPTIONS_INIT;
    layerkit_commit_options commit = LAYERKIT_COMMIT_OPTIONS_INIT;
    const char *touch[] = {"/bin/sh", "-c", "echo made > /greeting"};
    layerkit_engine *engine;
    layerkit_container_list *list;
    layerkit_image *image;
    int32_t exit_code;
    char *changes;
    if (argc != 3) {
        fprintf(stderr, "usage: %s FOLDER ROOTFS.tar\n", argv[0]);
        return 2;
    }
    snprintf(root, sizeof root, "%s/store", argv[1]);
    options.root = root;
    must(layerkit_engine_open(&options, &engine));
    layerkit_source tar = LAYERKIT_SOURCE_PATH(argv[2]);
    named.name = "rootfs:1";
    must(layerkit_images_import(engine, &tar, &named, NULL, &image));
    layerkit_image_free(image);

    puts("== run");
    run(engine, "echo hello; exit 3", NULL);
    run(engine, "cat", "from a callback\n");

    puts("== leave one running, list it, execute a command in it");
    layerkit_container *container = leave_running(engine, "echo started; while true; do sleep 1; done");
    must(layerkit_containers_list(engine, NULL, &list));
    for (size_t i = 0; i < layerkit_container_list_count(list); i++)
        printf("%.12s %s\n", layerkit_container_id(layerkit_container_list_at(list, i)),
               layerkit_container_status(layerkit_container_list_at(list, i)));
    layerkit_container_list_free(list);
    exec.command = touch;
    exec.command_count = 3;
    must(layerkit_container_exec(container, &exec, NULL, NULL, &exit_code, NULL));

    puts("== its log, and its end");
    streams.stdout_write = show;
    streams.stdout_payload = "log: ";
    must(layerkit_container_logs(container, NULL, &streams, NULL));
    at_once.has_timeout = 1; /* 0 seconds from the stop signal to SIGKILL */
    must(layerkit_container_stop(container, &at_once, NULL));
    must(layerkit_container_wait(container, NULL, NULL, &exit_code, NULL));
    printf("exit code %d\n", (int)exit_code);

    puts("== what it changed, as an image");
    must(layerkit_container_diff(container, NULL, &changes));
    puts(changes);
    layerkit_string_free(changes);
    commit.repository = "greeting";
    must(layerkit_container_commit(container, &commit, NULL, &image));
    printf("%s is %s\n", layerkit_image_tags_at(image, 0), layerkit_image_id(image));
    layerkit_image_free(image);
    must(layerkit_container_remove(container, NULL));
    layerkit_container_free(container);
    layerkit_engine_free(engine);
    return 0;
}
