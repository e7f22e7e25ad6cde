/*
 * Pushes an image to a registry and pulls it into another store.
 *
 *     cc -std=c11 registry.c -o registry $(pkg-config --cflags --libs layerkit)
 *     ./registry HOST[:PORT]/REPOSITORY
 *
 * The registry is reached with the logins that `docker login` or `layerkit login` stored.
 */
#define _GNU_SOURCE
#include <layerkit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char folder[] = "/tmp/layerkit-registry-XXXXXX";
/* What the registry has, as the push's last event says. */
static char digest[128];

/* Every function that can fail returns an error, or NULL. This program gives up at the first. */
static void must(layerkit_error *error) {
    const char *host;
    int64_t status;
    if (!error) return;
    fprintf(stderr, "%s: %s\n", layerkit_error_code(error), layerkit_error_message(error));
    if ((host = layerkit_error_text(error, "host"))) fprintf(stderr, "at %s\n", host);
    if (layerkit_error_number(error, "status", &status)) fprintf(stderr, "HTTP status %d\n", (int)status);
    layerkit_error_free(error);
    exit(1);
}

static int show(void *payload, const layerkit_event *event) {
    const char *name = layerkit_event_name(event), *state = layerkit_event_text(event, "state");
    (void)payload;
    if (!strcmp(name, "layer") && strcmp(state, "progress"))
        printf("    %s %.12s: %s\n", layerkit_event_text(event, "operation"),
               layerkit_event_text(event, "id") + strlen("sha256:"), state);
    else if (!strcmp(name, "retrying"))
        printf("    again: %s\n", layerkit_event_text(event, "reason"));
    else if (!strcmp(name, "pushed"))
        snprintf(digest, sizeof digest, "%s", layerkit_event_text(event, "digest"));
    return LAYERKIT_CONTINUE; /* or LAYERKIT_CANCEL */
}

/* A store of its own, in the folder. */
static layerkit_engine *open_store(const char *name) {
    layerkit_engine_options options = LAYERKIT_ENGINE_OPTIONS_INIT;
    layerkit_engine *engine;
    char root[sizeof folder + 16];
    snprintf(root, sizeof root, "%s/%s", folder, name);
    options.root = root;
    must(layerkit_engine_open(&options, &engine));
    return engine;
}

int main(int argc, char **argv) {
    layerkit_import_options import_options = LAYERKIT_IMPORT_OPTIONS_INIT;
    layerkit_pull_options pull_options = LAYERKIT_PULL_OPTIONS_INIT;
    layerkit_task task = LAYERKIT_TASK_INIT;
    layerkit_image *image;
    layerkit_image_list *pulled;
    char name[512], tree[sizeof folder + 16], *report;

    if (argc != 2) {
        fprintf(stderr, "usage: registry HOST[:PORT]/REPOSITORY\n");
        return 2;
    }
    if (!mkdtemp(folder) || setenv("folder", folder, 1)) return 1;
    snprintf(name, sizeof name, "%s:example", argv[1]);
    snprintf(tree, sizeof tree, "%s/tree", folder);
    layerkit_engine *here = open_store("here"), *there = open_store("there");
    task.on_event = show;

    printf("== push %s\n", name);
    if (system("mkdir \"$folder/root\" && echo hello from layerkit > \"$folder/root/hello\" &&"
               " head -c 3000000 /dev/urandom > \"$folder/root/noise\""))
        return 1;
    FILE *tar = popen("tar -c -C \"$folder/root\" .", "r");
    if (!tar) return 1;
    layerkit_source source = LAYERKIT_SOURCE_FD(fileno(tar));
    import_options.name = name;
    must(layerkit_images_import(here, &source, &import_options, NULL, &image));
    pclose(tar);
    must(layerkit_images_push(here, name, NULL, &task, &report));
    printf("    %s\n", report);
    layerkit_string_free(report);

    printf("== pull %s, this digest or nothing\n", name);
    pull_options.expect = digest;
    must(layerkit_images_pull(there, name, &pull_options, &task, &pulled));
    const layerkit_image *same = layerkit_image_list_at(pulled, 0);
    if (strcmp(layerkit_image_id(same), layerkit_image_id(image))) return 1;
    must(layerkit_image_unpack(same, tree, NULL, NULL));
    if (system("sed 's/^/    /' \"$folder/tree/hello\"")) return 1;

    printf("== tags of %s\n", argv[1]);
    must(layerkit_registry_tags(there, argv[1], NULL, NULL, &report));
    printf("    %s\n", report);
    layerkit_string_free(report);

    layerkit_image_list_free(pulled);
    layerkit_image_free(image);
    layerkit_engine_free(here);
    layerkit_engine_free(there);
    return system("rm -rf \"$folder\"") ? 1 : 0;
}
