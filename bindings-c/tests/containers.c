/* Containers: their objects, their options, what is done with them without streams. */
#include <dirent.h>

#include "test.h"

static layerkit_container *create(const layerkit_engine *engine, const char *script, const char *name) {
    layerkit_create_options *options = shell(script);
    layerkit_container *container = NULL;
    options->name = name;
    GOOD(layerkit_containers_create(engine, "busybox:1", options, NULL, &container));
    return container;
}

/* A container that runs until it is stopped. */
static layerkit_container *run_detached(const layerkit_engine *engine, const char *script, const char *name) {
    layerkit_run_options options = LAYERKIT_RUN_OPTIONS_INIT;
    layerkit_create_options *how = shell(script);
    layerkit_container *container = NULL;
    how->name = name;
    options.create = how;
    options.detach = 1;
    GOOD(layerkit_containers_run(engine, "busybox:1", &options, NULL, NULL, NULL, NULL, &container));
    return container;
}

static void remove_by_force(const layerkit_container *container) {
    layerkit_container_remove_options options = LAYERKIT_CONTAINER_REMOVE_OPTIONS_INIT;
    options.force = 1;
    GOOD(layerkit_container_remove(container, &options));
}

static void an_object_tells_what_was_when_it_was_looked_up(void) {
    layerkit_engine *engine = open_engine();
    import_busybox(engine);
    layerkit_container *container = create(engine, "exit 3", "first"), *again = NULL;
    char *json = NULL, *inspected = NULL;
    CHECK(strlen(layerkit_container_id(container)) == 64);
    CHECK(!strcmp(layerkit_container_name(container), "first"));
    CHECK(!strcmp(layerkit_container_image(container), "busybox:1"));
    CHECK(!strncmp(layerkit_container_image_id(container), "sha256:", 7));
    CHECK(!strcmp(layerkit_container_state(container), "created"));
    CHECK(!strcmp(layerkit_container_status(container), "Created"));
    CHECK(layerkit_container_created_unix(container) > 0 && strchr(layerkit_container_created(container), 'T'));
    CHECK(layerkit_container_warnings_count(container) == 0 && !layerkit_container_warnings_at(container, 0));
    GOOD(layerkit_container_rename(container, "second"));
    CHECK(!strcmp(layerkit_container_name(container), "first"));
    GOOD(layerkit_containers_get(engine, "second", &again));
    CHECK(!strcmp(layerkit_container_id(again), layerkit_container_id(container)));
    GOOD(layerkit_container_json(again, &json));
    CHECK(strstr(json, "\"name\":\"second\"") != NULL);
    GOOD(layerkit_container_inspect(container, &inspected));
    CHECK(strstr(inspected, "second") != NULL);
    GOOD(layerkit_container_remove(container, NULL));
    CHECK(!strcmp(layerkit_container_state(container), "created"));
    FAILS(layerkit_container_remove(container, NULL), LAYERKIT_ERROR_NOT_FOUND, "No such container");
    layerkit_string_free(json);
    layerkit_string_free(inspected);
    layerkit_container_free(again);
    layerkit_container_free(container);
    layerkit_engine_free(engine);
}

static void a_list_has_its_containers(void) {
    layerkit_engine *engine = open_engine();
    layerkit_container_list_options options = LAYERKIT_CONTAINER_LIST_OPTIONS_INIT;
    layerkit_pair filters[] = {{"name", "one"}, {"status", "created"}};
    layerkit_container_list *list = NULL;
    char *text = NULL;
    import_busybox(engine);
    layerkit_container_free(create(engine, "true", "one"));
    layerkit_container_free(create(engine, "true", "two"));
    GOOD(layerkit_containers_list(engine, NULL, &list));
    CHECK(layerkit_container_list_count(list) == 0); /* none runs */
    layerkit_container_list_free(list);
    options.all = 1;
    GOOD(layerkit_containers_list(engine, &options, &list));
    CHECK(layerkit_container_list_count(list) == 2);
    CHECK(!strcmp(layerkit_container_name(layerkit_container_list_at(list, 0)), "two")); /* newest first */
    CHECK(layerkit_container_list_at(list, 2) == NULL);
    GOOD(layerkit_container_remove(layerkit_container_list_at(list, 0), NULL));
    GOOD(layerkit_container_list_json(list, &text));
    CHECK(text[0] == '[' && strstr(text, "\"name\":\"two\""));
    layerkit_string_free(text);
    layerkit_container_list_free(list);
    options.filters = filters;
    options.filters_count = 2;
    GOOD(layerkit_containers_list(engine, &options, &list));
    CHECK(layerkit_container_list_count(list) == 1);
    layerkit_container_list_free(list);
    GOOD(layerkit_containers_prune(engine, NULL, NULL, &text));
    CHECK(strstr(text, "\"deleted\":[\"") != NULL);
    layerkit_string_free(text);
    layerkit_engine_free(engine);
}

static void options_reach_the_container(void) {
    layerkit_engine *engine = open_engine();
    layerkit_create_options *options = shell("true");
    const char *entrypoint[] = {"/bin/sh", "-c"}, *command[] = {"echo $A"}, *environment[] = {"A=b"};
    layerkit_pair labels[] = {{"k", "v"}}, tmpfs[] = {{"/tmp", "size=1m"}};
    layerkit_ulimit limits[] = {{"nofile", 64, 128}};
    layerkit_container *container = NULL;
    char *text = NULL;
    import_busybox(engine);
    options->entrypoint = entrypoint;
    options->entrypoint_count = 2;
    options->command = command;
    options->command_count = 1;
    options->environment = environment;
    options->environment_count = 1;
    options->labels = labels;
    options->labels_count = 1;
    options->tmpfs = tmpfs;
    options->tmpfs_count = 1;
    options->ulimits = limits;
    options->ulimits_count = 1;
    options->hostname = "box";
    options->working_dir = "/tmp";
    options->read_only = 1;
    GOOD(layerkit_containers_create(engine, "busybox:1", options, NULL, &container));
    GOOD(layerkit_container_inspect(container, &text));
    CHECK(strstr(text, "A=b") && strstr(text, "\"k\":\"v\"") && strstr(text, "\"box\"") && strstr(text, "nofile"));
    CHECK(strstr(text, "\"ReadonlyRootfs\":true") && strstr(text, "\"WorkingDir\":\"/tmp\""));
    layerkit_string_free(text);
    layerkit_container_free(container);
    layerkit_engine_free(engine);
}

static void a_wrong_argument_is_named(void) {
    layerkit_engine *engine = open_engine();
    layerkit_run_options run = LAYERKIT_RUN_OPTIONS_INIT;
    layerkit_create_options create = LAYERKIT_CREATE_OPTIONS_INIT;
    layerkit_container_streams streams = LAYERKIT_CONTAINER_STREAMS_INIT;
    layerkit_container *container = NULL;
    struct written out;
    run.create = &create;
    create.ports_count = 1;
    FAILS(layerkit_containers_run(engine, "a", &run, NULL, NULL, NULL, NULL, NULL), LAYERKIT_ERROR_INVALID_ARGUMENT,
          "options->create->ports is NULL");
    create = (layerkit_create_options)LAYERKIT_CREATE_OPTIONS_INIT;
    create.size = 0;
    FAILS(layerkit_containers_run(engine, "a", &run, NULL, NULL, NULL, NULL, NULL), LAYERKIT_ERROR_INVALID_ARGUMENT,
          "options->create->size is 0");
    create = (layerkit_create_options)LAYERKIT_CREATE_OPTIONS_INIT;
    create.pull = "sometimes";
    FAILS(layerkit_containers_create(engine, "a", &create, NULL, &container), LAYERKIT_ERROR_INVALID_ARGUMENT, "sometimes");
    FAILS(layerkit_containers_create(engine, NULL, NULL, NULL, &container), LAYERKIT_ERROR_INVALID_ARGUMENT, "image is NULL");
    FAILS(layerkit_containers_create(engine, "a", NULL, NULL, NULL), LAYERKIT_ERROR_INVALID_ARGUMENT, "out is NULL");
    FAILS(layerkit_container_start(NULL, NULL, NULL, NULL, NULL, NULL), LAYERKIT_ERROR_INVALID_ARGUMENT, "container is NULL");
    FAILS(layerkit_container_control_resize(NULL, 1, 1), LAYERKIT_ERROR_INVALID_ARGUMENT, "control is NULL");
    streams.stdout_fd = 1;
    streams.stdout_write = write_down;
    streams.stdout_payload = &out;
    FAILS(layerkit_containers_run(engine, "a", NULL, &streams, NULL, NULL, NULL, NULL), LAYERKIT_ERROR_INVALID_ARGUMENT,
          "both stdout_fd and stdout_write");
    CHECK(container == NULL);
    layerkit_engine_free(engine);
}

static void freeing_null_is_fine(void) {
    layerkit_container_free(NULL);
    layerkit_container_list_free(NULL);
    layerkit_container_control_free(NULL);
    CHECK(layerkit_container_id(NULL) == NULL && layerkit_container_list_count(NULL) == 0);
}

static void a_detached_one_is_waited_for_and_its_code_is_told(void) {
    layerkit_engine *engine = open_engine();
    import_busybox(engine);
    layerkit_container *container = run_detached(engine, "exit 7", NULL), *now = NULL;
    int32_t code = 0;
    char *report = NULL;
    GOOD(layerkit_container_wait(container, NULL, NULL, &code, &report));
    CHECK(code == 7 && strstr(report, "\"exit_code\":7"));
    GOOD(layerkit_containers_get(engine, layerkit_container_id(container), &now));
    CHECK(!strcmp(layerkit_container_state(now), "exited"));
    GOOD(layerkit_container_wait(container, NULL, NULL, NULL, NULL)); /* nobody has to want the results */
    layerkit_string_free(report);
    layerkit_container_free(now);
    layerkit_container_free(container);
    layerkit_engine_free(engine);
}

static void one_that_runs_is_paused_stopped_and_removed(void) {
    layerkit_engine *engine = open_engine();
    layerkit_stop_options at_once = LAYERKIT_STOP_OPTIONS_INIT;
    layerkit_wait_options soon = LAYERKIT_WAIT_OPTIONS_INIT;
    layerkit_kill_options hup = LAYERKIT_KILL_OPTIONS_INIT;
    import_busybox(engine);
    layerkit_container *container = run_detached(engine, "trap 'exit 9' HUP; while :; do sleep 0.01; done", "box");
    int32_t code = 0;
    char *text = NULL;
    at_once.has_timeout = 1; /* 0 seconds */
    soon.has_timeout_ms = 1;
    soon.timeout_ms = 10;
    hup.signal = "HUP";
    FAILS(layerkit_container_wait(container, &soon, NULL, &code, NULL), LAYERKIT_ERROR_TIMEOUT, "");
    FAILS(layerkit_container_remove(container, NULL), LAYERKIT_ERROR_CONFLICT, "cannot remove a running container");
    GOOD(layerkit_container_pause(container));
    FAILS(layerkit_container_pause(container), LAYERKIT_ERROR_CONFLICT, "");
    GOOD(layerkit_container_unpause(container));
    GOOD(layerkit_container_top(container, &text));
    CHECK(strstr(text, "\"titles\":") && strstr(text, "trap"));
    layerkit_string_free(text);
    GOOD(layerkit_container_restart(container, &at_once, NULL));
    GOOD(layerkit_container_stop(container, &at_once, NULL));
    GOOD(layerkit_container_stop(container, &at_once, NULL));
    GOOD(layerkit_container_wait(container, NULL, NULL, &code, NULL));
    CHECK(code == 137);
    FAILS(layerkit_container_kill(container, &hup), LAYERKIT_ERROR_CONFLICT, "is not running");
    GOOD(layerkit_container_start(container, NULL, NULL, NULL, &code, NULL));
    CHECK(code == LAYERKIT_EXIT_UNKNOWN);
    remove_by_force(container);
    layerkit_container_free(container);
    layerkit_engine_free(engine);
}

static void files_go_in_and_out_and_become_an_image(void) {
    layerkit_engine *engine = open_engine();
    layerkit_commit_options options = LAYERKIT_COMMIT_OPTIONS_INIT;
    const char *changes[] = {"ENV A=b"}, *wrong_changes[] = {"RUN true"};
    layerkit_image *image = NULL;
    import_busybox(engine);
    layerkit_container *container = create(engine, "true", NULL);
    char *text = NULL, tar[2560];
    struct stat stat_buffer;
    layerkit_source source = LAYERKIT_SOURCE_PATH(hello_tar());
    layerkit_target target = LAYERKIT_TARGET_PATH(in_folder("out.tar"));
    GOOD(layerkit_container_put_archive(container, "/tmp", &source, NULL, NULL));
    GOOD(layerkit_container_stat(container, "/tmp/hello", &text));
    CHECK(strstr(text, "\"name\":\"hello\"") && strstr(text, "\"size\":6"));
    layerkit_string_free(text);
    GOOD(layerkit_container_get_archive(container, "/tmp/hello", &target, NULL, &text));
    CHECK(strstr(text, "\"name\":\"hello\"") != NULL);
    layerkit_string_free(text);
    FILE *file = fopen(in_folder("out.tar"), "rb");
    CHECK(file && fread(tar, 1, 1024, file) == 1024 && !strcmp(tar, "hello") && !strncmp(tar + 512, "hello\n", 6));
    if (file) fclose(file);
    GOOD(layerkit_container_diff(container, NULL, &text));
    CHECK(strstr(text, "/tmp/hello") && strstr(text, "\"added\""));
    layerkit_string_free(text);
    target.path = in_folder("all.tar");
    GOOD(layerkit_container_export(container, &target, NULL));
    CHECK(!stat(in_folder("all.tar"), &stat_buffer) && stat_buffer.st_size > 10240);
    options.repository = "made";
    options.changes = wrong_changes;
    options.changes_count = 1;
    FAILS(layerkit_container_commit(container, &options, NULL, &image), LAYERKIT_ERROR_INVALID_ARGUMENT,
          "run is not a valid change command");
    options.changes = changes;
    GOOD(layerkit_container_commit(container, &options, NULL, &image));
    CHECK(!strcmp(layerkit_image_tags_at(image, 0), "made:latest"));
    CHECK(!strcmp(layerkit_image_parent(image), layerkit_container_image_id(container)));
    layerkit_image_free(image);
    layerkit_container_free(container);
    layerkit_engine_free(engine);
}

static int count_entries(const char *path) {
    DIR *directory = opendir(path);
    int count = 0;
    if (!CHECK(directory != NULL)) return -1;
    while (readdir(directory)) count++;
    closedir(directory);
    return count;
}

static void *run_often(void *payload) {
    layerkit_engine *engine = payload;
    static const char *const command[] = {"/bin/true"};
    layerkit_create_options create = LAYERKIT_CREATE_OPTIONS_INIT;
    layerkit_run_options options = LAYERKIT_RUN_OPTIONS_INIT;
    create.command = command;
    create.command_count = 1;
    create.auto_remove = 1;
    options.create = &create;
    for (int i = 0; i < 5; i++) {
        layerkit_container *container = NULL;
        int32_t code = -2;
        layerkit_error *error = layerkit_containers_run(engine, "busybox:1", &options, NULL, NULL, &code, NULL, &container);
        if (error) return error;
        if (code != 0 || container) return engine;
    }
    return NULL;
}

static void threads_run_containers_at_once_and_nothing_is_left(void) {
    layerkit_engine *engine = open_engine();
    layerkit_container_list_options all = LAYERKIT_CONTAINER_LIST_OPTIONS_INIT;
    layerkit_container_list *list = NULL;
    pthread_t threads[4];
    int descriptors;
    import_busybox(engine);
    CHECK(run_often(engine) == NULL); /* what the engine opens once and keeps */
    descriptors = count_entries("/proc/self/fd");
    for (int i = 0; i < 4; i++) CHECK(!pthread_create(&threads[i], NULL, run_often, engine));
    for (int i = 0; i < 4; i++) {
        void *trouble = NULL;
        CHECK(!pthread_join(threads[i], &trouble));
        if (!CHECK(trouble == NULL) && trouble != engine) GOOD(trouble);
    }
    CHECK(count_entries("/proc/self/fd") == descriptors);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1); /* no child, dead or alive */
    all.all = 1;
    GOOD(layerkit_containers_list(engine, &all, &list));
    CHECK(layerkit_container_list_count(list) == 0);
    layerkit_container_list_free(list);
    layerkit_engine_free(engine);
}

int main(void) {
    TEST(an_object_tells_what_was_when_it_was_looked_up);
    TEST(a_list_has_its_containers);
    TEST(options_reach_the_container);
    TEST(a_wrong_argument_is_named);
    TEST(freeing_null_is_fine);
    TEST(ask_whether_commands_run);
    if (!commands_run) return totals();
    TEST(files_go_in_and_out_and_become_an_image);
    TEST(a_detached_one_is_waited_for_and_its_code_is_told);
    TEST(one_that_runs_is_paused_stopped_and_removed);
    TEST(threads_run_containers_at_once_and_nothing_is_left);
    return totals();
}
