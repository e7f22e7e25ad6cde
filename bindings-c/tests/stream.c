/* Sources and targets: paths, descriptors, callbacks. */
#include "test.h"

struct feed {
    const char *bytes;
    size_t left;
    size_t at_once;
    int64_t then; /* what is returned once nothing is left */
};

static int64_t feed(void *payload, void *buffer, size_t length) {
    struct feed *feed = payload;
    size_t count = feed->left < length ? feed->left : length;
    if (feed->left == 0) return feed->then;
    if (count > feed->at_once) count = feed->at_once;
    memcpy(buffer, feed->bytes, count);
    feed->bytes += count;
    feed->left -= count;
    return (int64_t)count;
}

struct sink {
    FILE *file;
    size_t at_once;
    int64_t instead; /* returned when not 0 */
};

static int64_t drain(void *payload, const void *buffer, size_t length) {
    struct sink *sink = payload;
    if (sink->instead) return sink->instead;
    if (length > sink->at_once) length = sink->at_once;
    return (int64_t)fwrite(buffer, 1, length, sink->file);
}

static void a_path_a_descriptor_and_a_callback_give_the_same_image(void) {
    layerkit_engine *engine = open_engine();
    layerkit_import_options options = LAYERKIT_IMPORT_OPTIONS_INIT;
    char tar[2560];
    struct feed bytes = {tar, make_tar(tar, "hello", "hello\n"), 100, 0};
    int fd = open(hello_tar(), O_RDONLY);
    layerkit_source sources[] = {
        LAYERKIT_SOURCE_PATH(in_folder("hello.tar")), LAYERKIT_SOURCE_FD(fd), LAYERKIT_SOURCE_READ(feed, &bytes)};
    char ids[3][80];
    options.has_source_date_epoch = 1;
    for (int i = 0; i < 3; i++) {
        layerkit_image *image = NULL;
        GOOD(layerkit_images_import(engine, &sources[i], &options, NULL, &image));
        snprintf(ids[i], sizeof ids[i], "%s", layerkit_image_id(image));
        CHECK(layerkit_image_created_unix(image) == 0);
        layerkit_image_free(image);
    }
    CHECK(!strcmp(ids[0], ids[1]) && !strcmp(ids[0], ids[2]));
    CHECK(!close(fd)); /* it stayed ours */
    layerkit_engine_free(engine);
}

static void a_read_callback_that_fails_is_told_from_a_broken_archive(void) {
    layerkit_engine *engine = open_engine();
    char tar[2560];
    size_t length = make_tar(tar, "hello", "hello\n");
    struct feed failing = {tar, length - 1024, 512, LAYERKIT_FAIL}, lying = {tar, length, 512, 1 << 30};
    layerkit_source source = LAYERKIT_SOURCE_READ(feed, &failing);
    layerkit_image *image = NULL;
    FAILS(layerkit_images_import(engine, &source, NULL, NULL, &image), LAYERKIT_ERROR_CALLBACK, "read callback");
    source.payload = &lying;
    lying.left = 512; /* then it says that it gave more than it was asked for */
    FAILS(layerkit_images_import(engine, &source, NULL, NULL, &image), LAYERKIT_ERROR_CALLBACK, "read callback");
    layerkit_engine_free(engine);
}

static void an_image_goes_through_a_write_callback_and_back(void) {
    layerkit_engine *engine = open_engine();
    layerkit_image *image = import_hello(engine, "hello:1");
    struct sink file = {fopen(in_folder("saved.tar"), "wb"), 1000, 0};
    layerkit_target target = LAYERKIT_TARGET_WRITE(drain, &file);
    layerkit_source source = LAYERKIT_SOURCE_PATH(in_folder("saved.tar"));
    layerkit_image_list *loaded = NULL;
    const char *names[] = {"hello:1"};
    char *report = NULL;
    GOOD(layerkit_images_save(engine, names, 1, &target, NULL, NULL));
    CHECK(!fclose(file.file));
    GOOD(layerkit_images_remove(engine, "hello:1", NULL, &report));
    CHECK(strstr(report, "hello:1") != NULL);
    GOOD(layerkit_images_load(engine, &source, NULL, NULL, &loaded));
    CHECK(layerkit_image_list_count(loaded) == 1);
    CHECK(!strcmp(layerkit_image_id(layerkit_image_list_at(loaded, 0)), layerkit_image_id(image)));
    layerkit_string_free(report);
    layerkit_image_list_free(loaded);
    layerkit_image_free(image);
    layerkit_engine_free(engine);
}

static void a_write_callback_that_fails_or_takes_nothing_ends_the_save(void) {
    layerkit_engine *engine = open_engine();
    layerkit_image *image = import_hello(engine, "hello:1");
    struct sink failing = {NULL, 1000, LAYERKIT_FAIL}, stuck = {fopen("/dev/null", "wb"), 0, 0};
    layerkit_target target = LAYERKIT_TARGET_WRITE(drain, &failing);
    FAILS(layerkit_image_save(image, &target, NULL, NULL), LAYERKIT_ERROR_CALLBACK, "write callback");
    target.payload = &stuck;
    FAILS(layerkit_image_save(image, &target, NULL, NULL), LAYERKIT_ERROR_CALLBACK, "write callback");
    fclose(stuck.file);
    layerkit_image_free(image);
    layerkit_engine_free(engine);
}

static void a_source_is_one_thing(void) {
    layerkit_engine *engine = open_engine();
    layerkit_source none = LAYERKIT_SOURCE_INIT, both = LAYERKIT_SOURCE_PATH("x"), closed = LAYERKIT_SOURCE_FD(12345);
    layerkit_target nowhere = LAYERKIT_TARGET_INIT;
    layerkit_image *image = NULL;
    const char *names[] = {"hello:1"};
    both.fd = 0;
    FAILS(layerkit_images_import(engine, &none, NULL, NULL, &image), LAYERKIT_ERROR_INVALID_ARGUMENT, "exactly one");
    FAILS(layerkit_images_import(engine, &both, NULL, NULL, &image), LAYERKIT_ERROR_INVALID_ARGUMENT, "exactly one");
    FAILS(layerkit_images_import(engine, &closed, NULL, NULL, &image), LAYERKIT_ERROR_IO, "12345");
    FAILS(layerkit_images_save(engine, names, 1, &nowhere, NULL, NULL), LAYERKIT_ERROR_INVALID_ARGUMENT, "exactly one");
    layerkit_engine_free(engine);
}

int main(void) {
    TEST(a_path_a_descriptor_and_a_callback_give_the_same_image);
    TEST(a_read_callback_that_fails_is_told_from_a_broken_archive);
    TEST(an_image_goes_through_a_write_callback_and_back);
    TEST(a_write_callback_that_fails_or_takes_nothing_ends_the_save);
    TEST(a_source_is_one_thing);
    return totals();
}
