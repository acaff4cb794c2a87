/* SPDX-License-Identifier: MIT */
/* A backend in a file: judged before it is loaded, and loaded. */
#ifndef KEEL_REGISTRY_MODULE_PRIVATE_H
#define KEEL_REGISTRY_MODULE_PRIVATE_H

#include <keel/registry.h>

/* Room for the reason why a backend cannot be used. */
#define KEEL__WHY_LEN sizeof(((struct keel_backend_info *)NULL)->why)

/* Why a file is not used: an error and a part of a sentence. */
struct keel__refusal {
	int err;
	char text[KEEL__WHY_LEN];
};

/* Fill it. Returns @err. */
__attribute__((format(printf, 3, 4))) int
keel__refuse(struct keel__refusal *ret_why, int err, const char *fmt, ...);

/* All zero: none. */
struct keel__module {
	void *handle;
	const struct keel_backend *be;
};

/* The file's descriptor if it may be trusted, or a refusal. */
int keel__file_open(const char *path, struct keel__refusal *ret_why);

/* 0 if what is in the file can be loaded, or a refusal. Calls nothing of it. */
int keel__elf_judge(int fd, struct keel__refusal *ret_why);

/* Load the file. 0 or a refusal. Its row is still to be judged. */
int keel__module_load(const char *path, struct keel__module *ret_module,
		      struct keel__refusal *ret_why);

/* Give it back. One that is all zero is fine. */
void keel__module_unload(struct keel__module *module);

#endif
