#include "base/mem.h"

#include "support/test.h"

static bool is_zero(const char *memory, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (memory[i])
            return false;
    return true;
}

TEST(mem, what_is_handed_out_is_zeroed)
{
    char *memory = aa_mem_new(100);

    CHECK(is_zero(memory, 100));
    memset(memory, 'x', 100);
    memory = aa_mem_resize(memory, 100, 200);
    CHECK(memory[99] == 'x' && is_zero(memory + 100, 100));
    aa_mem_free(memory);
}

TEST(mem, nothing_and_too_much_are_refused)
{
    CHECK(aa_mem_new(0) == NULL);
    CHECK(aa_mem_new_array(0, 8) == NULL);
    CHECK(aa_mem_new_array(8, 0) == NULL);
    CHECK(aa_mem_new_array(SIZE_MAX / 2, 3) == NULL);
    CHECK(aa_mem_copy_text("", SIZE_MAX) == NULL);
    aa_mem_free(NULL);
    aa_mem_wipe_free(NULL, 5);
    aa_mem_wipe(NULL, 5);
}

TEST(mem, a_copied_text_ends_with_nul)
{
    char *text = aa_mem_copy_text("abcdef", 3);

    CHECK_TEXT(text, "abc");
    aa_mem_free(text);
    text = aa_mem_copy_text(NULL, 0);
    CHECK_TEXT(text, "");
    aa_mem_free(text);
}

TEST(mem, wiping_overwrites)
{
    char secret[] = "secret";

    aa_mem_wipe(secret, 3);
    CHECK(is_zero(secret, 3));
    CHECK_TEXT(secret + 3, "ret");
}

TEST(mem, the_nth_allocation_can_be_made_to_fail)
{
    void *first;
    void *second;
    void *third;

    aa_mem_fail_at(2, false);
    first = aa_mem_new(1);
    second = aa_mem_new(1);
    third = aa_mem_new(1);
    CHECK_INT(aa_mem_count(), 3);
    aa_mem_fail_at(0, false);
    CHECK(first && !second && third);
    aa_mem_free(first);
    aa_mem_free(third);
}

TEST(mem, all_from_the_nth_on_can_be_made_to_fail)
{
    void *first;

    aa_mem_fail_at(2, true);
    first = aa_mem_new(1);
    CHECK(aa_mem_new_array(1, 1) == NULL);
    CHECK(aa_mem_copy_text("a", 1) == NULL);
    CHECK(aa_mem_resize(first, 1, 2) == NULL);
    aa_mem_fail_at(0, false);
    CHECK(first != NULL);
    aa_mem_free(first);
}
