/*
 * A Dockerfile in calls, its files in memory: nothing is written before the image is there. Needs no network and no RUN.
 *
 *     cc -std=c11 builder.c -o builder $(pkg-config --cflags --libs layerkit)
 *     ./builder FOLDER
 *
 * FOLDER/store is the store.
 */
#include <layerkit.h>
#include <stdio.h>
#include <string.h>

/* Prints each step as it begins. */
static int show(void *payload, const layerkit_event *event) {
    (void)payload;
    if (!strcmp(layerkit_event_name(event), "step_started")) puts(layerkit_event_text(event, "text"));
    return LAYERKIT_CONTINUE;
}

static layerkit_error *build(const layerkit_engine *engine, layerkit_builder *builder, layerkit_image **image) {
    static const char page[] = "<h1>Hello</h1>\n";
    const layerkit_memory_file files[] = {{.path = "page.html", .content = page, .length = sizeof page - 1}};
    const char *const tags[] = {"site:1"};
    const layerkit_pair labels[] = {{"project", "example"}};
    layerkit_build_options options = LAYERKIT_BUILD_OPTIONS_INIT;
    layerkit_task task = LAYERKIT_TASK_INIT;
    layerkit_error *error = layerkit_builder_copy(builder, "page.html", "/srv/");
    if (!error) error = layerkit_builder_env(builder, "LANGUAGE", "en");
    if (!error) error = layerkit_builder_step_pairs(builder, "LABEL", labels, 1);
    options.files = files;
    options.files_count = 1;
    options.tags = tags;
    options.tags_count = 1;
    task.on_event = show;
    if (!error) error = layerkit_builder_commit(builder, engine, &options, &task, image);
    return error;
}

int main(int argc, char **argv) {
    char root[4096];
    layerkit_engine_options options = LAYERKIT_ENGINE_OPTIONS_INIT;
    layerkit_engine *engine = NULL;
    layerkit_builder *builder = NULL;
    layerkit_image *image = NULL;
    layerkit_error *error;
    int failed;
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    snprintf(root, sizeof root, "%s/store", argv[1]);
    options.root = root;
    error = layerkit_engine_open(&options, &engine);
    if (!error) error = layerkit_builder_new("scratch", &builder);
    if (!error) error = build(engine, builder, &image);
    if (!error) printf("%s is %s\n%s\n", layerkit_image_tags_at(image, 0), layerkit_image_id(image), layerkit_image_built(image));
    if (error) fprintf(stderr, "%s: %s\n", layerkit_error_code(error), layerkit_error_message(error));
    failed = error != NULL;
    layerkit_error_free(error);
    layerkit_image_free(image);
    layerkit_builder_free(builder);
    layerkit_engine_free(engine);
    return failed;
}
