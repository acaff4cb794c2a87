/* SPDX-License-Identifier: MIT */
/* Small files in memory, each looked at again before it is used. */
#include "tools/cache-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NR_SLOTS 1024
#define NAME_LEN_MAX 255

struct slot {
	struct keel_cache_entry entry;
	uint64_t read_ns;    /* when it was read */
	uint64_t checked_ns; /* the turn in which it was last looked at */
	size_t size;	     /* of this allocation */
	char bytes[];	     /* the file, then its name */
};

struct keel_cache {
	struct slot *slots[NR_SLOTS];
	size_t total;
	unsigned int victim;
};

int keel__cache_new(struct keel_cache **ret_cache)
{
	struct keel_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return -ENOMEM;
	*ret_cache = cache;
	return 0;
}

static void slot_drop(struct keel_cache *cache, unsigned int idx)
{
	if (!cache->slots[idx])
		return;
	cache->total -= cache->slots[idx]->size;
	free(cache->slots[idx]);
	cache->slots[idx] = NULL;
}

struct keel_cache *keel__cache_free(struct keel_cache *cache)
{
	if (!cache)
		return NULL;
	for (unsigned int i = 0; i < NR_SLOTS; i++)
		slot_drop(cache, i);
	free(cache);
	return NULL;
}

/* FNV-1a; whoever chooses names to collide loses nothing but the cache. */
static unsigned int slot_of(const char *name)
{
	uint32_t hash = 2166136261;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619;
	return (hash ^ hash >> 16) % NR_SLOTS;
}

static bool is_fresh(struct slot *slot, int root, const char *name,
		     uint64_t now_ns)
{
	if (slot->checked_ns == now_ns)
		return true;
	if (now_ns - slot->read_ns > KEEL_CACHE_AGE_NS ||
	    !keel__files_is_same(root, name, &slot->entry.file))
		return false;
	slot->checked_ns = now_ns;
	return true;
}

const struct keel_cache_entry *keel__cache_find(struct keel_cache *cache,
						int root, const char *name,
						uint64_t now_ns)
{
	unsigned int idx = slot_of(name);
	struct slot *slot = cache->slots[idx];

	if (!slot || strcmp(slot->bytes + slot->entry.file.size, name) != 0)
		return NULL;
	if (is_fresh(slot, root, name, now_ns))
		return &slot->entry;
	slot_drop(cache, idx);
	return NULL;
}

/* May changes still come that would not show? */
static bool is_quiet(const struct keel_file *file, int64_t now_s)
{
	return now_s - file->mtime_s >= KEEL_CACHE_QUIET_S &&
	       now_s - file->ctime_s >= KEEL_CACHE_QUIET_S;
}

/* Room for @size bytes more; older files leave in turn. */
static void make_room(struct keel_cache *cache, size_t size)
{
	while (cache->total + size > KEEL_CACHE_MAX) {
		slot_drop(cache, cache->victim);
		cache->victim = (cache->victim + 1) % NR_SLOTS;
	}
}

void keel__cache_add(struct keel_cache *cache, const char *name,
		     const struct keel_file *file, const char *data,
		     uint64_t now_ns, int64_t now_s)
{
	size_t name_len = strlen(name);
	size_t size = sizeof(struct slot) + file->size + name_len + 1;
	unsigned int idx = slot_of(name);
	struct slot *slot;

	if (file->size > KEEL_CACHE_FILE_MAX || name_len > NAME_LEN_MAX ||
	    !is_quiet(file, now_s) || !keel__files_is_same(file->fd, "", file))
		return;
	slot_drop(cache, idx);
	make_room(cache, size);
	slot = malloc(size);
	if (!slot)
		return;
	slot->entry.file = *file;
	slot->entry.file.fd = -1;
	slot->entry.data = slot->bytes;
	slot->read_ns = now_ns;
	slot->checked_ns = now_ns;
	slot->size = size;
	memcpy(slot->bytes, data, file->size);
	memcpy(slot->bytes + file->size, name, name_len + 1);
	cache->slots[idx] = slot;
	cache->total += size;
}
