/* A libnvidia-ml.so.1 that answers as a script says: for tests of the GPU sampler, made by them with cc.
 * What no script says, and what is refused, is as an H100 80GB HBM3 answers with driver 580.159.04 under load.
 *
 * The script is the file that FAKE_NVML names; it is read again whenever it changes, so that a GPU may fall off
 * the bus or hang while it is sampled. One statement a line, words apart by single blanks; the last one holds:
 *
 *   driver VERSION | count N
 *   gpu INDEX FIELD VALUE          fields: see struct gpu
 *   proc INDEX PID BYTES           a compute process
 *   mig INDEX PLACE UUID GI USED TOTAL
 *   migproc INDEX PLACE PID BYTES
 *   fail FUNCTION INDEX|* CODE     CODE is an nvmlReturn_t
 *   hang FUNCTION                  until the line is gone; FUNCTION may be dlopen
 *   xid INDEX NUMBER GI            an event; those that are there when an event set is made are past
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVENTS 65439ull
enum { GPUS = 20, PLACES = 7, PROCS = 32, RULES = 64, XIDS = 256 };
#define NO_PAGES (~0ull) /* rows are remapped instead, since Ampere */
enum { OK = 0, UNINITIALIZED = 1, INVALID = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, TOO_SMALL = 7, TIMEOUT = 10 };

typedef unsigned long long u64;
typedef struct { unsigned pid; u64 bytes; unsigned gi, ci; } process;
typedef struct { u64 total, free, used; } memory;
typedef struct { unsigned version; u64 total, reserved, free, used; } memory_v2;
typedef struct { int count; process all[PROCS]; } processes;
typedef struct { int is_mig, index, place, there; char uuid[96]; unsigned gi; u64 used, total; processes procs; } instance;
typedef struct {
    int is_mig, index;
    char uuid[96], name[96];
    u64 util, used, total, reserved, power, energy, temp, reasons, ecc_c, ecc_u, pending, failed, pages, mig;
    processes procs;
    instance instances[PLACES];
} gpu;
typedef struct { char function[64]; int index, code; } rule;
typedef struct { gpu *device; u64 type, data; unsigned gi, ci; } event;

static gpu gpus[GPUS];
static struct { int index, number; unsigned gi; } xids[XIDS];
static rule failures[RULES], hangs[RULES];
static int count, failing, hanging, events, taken, opened;
static unsigned registered;
static char driver[64];
static struct timespec read_at;
static long read_size = -1;

static void field(gpu *g, const char *name, const char *value) {
    u64 n = strtoull(value, NULL, 10);
    if (!strcmp(name, "uuid")) snprintf(g->uuid, sizeof g->uuid, "%s", value);
    else if (!strcmp(name, "name")) snprintf(g->name, sizeof g->name, "%s", value);
#define FIELD(f) else if (!strcmp(name, #f)) g->f = n;
    FIELD(util) FIELD(used) FIELD(total) FIELD(reserved) FIELD(power) FIELD(energy) FIELD(temp) FIELD(reasons)
    FIELD(ecc_c) FIELD(ecc_u) FIELD(pending) FIELD(failed) FIELD(pages) FIELD(mig)
    else { fprintf(stderr, "fake NVML: no field %s\n", name); abort(); }
}

static void begin(void) {
    memset(gpus, 0, sizeof gpus);
    count = failing = hanging = events = 0;
    strcpy(driver, "580.159.04");
    for (int i = 0; i < GPUS; i++) {
        gpu *g = &gpus[i];
        g->index = i;
        snprintf(g->uuid, sizeof g->uuid, "GPU-%04d", i);
        strcpy(g->name, "NVIDIA H100 80GB HBM3");
        g->util = 100; g->used = 70ull << 30; g->total = 85520809984; g->reserved = 503316480;
        g->power = 697752; g->energy = 16862136; g->temp = 54; g->reasons = 4; g->pages = NO_PAGES;
        for (int p = 0; p < PLACES; p++) { g->instances[p].is_mig = 1; g->instances[p].index = i; g->instances[p].place = p; }
    }
}

static void add(processes *p, unsigned pid, u64 bytes) {
    p->all[p->count++] = (process){pid, bytes, 0xFFFFFFFF, 0xFFFFFFFF};
}

static void line(char *text) {
    char a[96], b[96], function[64];
    int i, place, number;
    unsigned pid, gi;
    u64 used, total;
    if (sscanf(text, "driver %63s", driver) == 1) return;
    if (sscanf(text, "count %d", &count) == 1) return;
    if (sscanf(text, "gpu %d %95s %95[^\n]", &i, a, b) == 3) { field(&gpus[i], a, b); return; }
    if (sscanf(text, "proc %d %u %llu", &i, &pid, &used) == 3) { add(&gpus[i].procs, pid, used); return; }
    if (sscanf(text, "mig %d %d %95s %u %llu %llu", &i, &place, a, &gi, &used, &total) == 6) {
        instance *m = &gpus[i].instances[place];
        gpus[i].mig = m->there = 1; m->gi = gi; m->used = used; m->total = total;
        strcpy(m->uuid, a);
        return;
    }
    if (sscanf(text, "migproc %d %d %u %llu", &i, &place, &pid, &used) == 4) { add(&gpus[i].instances[place].procs, pid, used); return; }
    if (sscanf(text, "fail %63s %95s %d", function, a, &number) == 3) {
        rule *r = &failures[failing++];
        strcpy(r->function, function);
        r->index = a[0] == '*' ? -1 : atoi(a);
        r->code = number;
        return;
    }
    if (sscanf(text, "hang %63s", function) == 1) { strcpy(hangs[hanging++].function, function); return; }
    if (sscanf(text, "xid %d %d %u", &i, &number, &gi) == 3) {
        xids[events].index = i; xids[events].number = number; xids[events++].gi = gi;
        return;
    }
    fprintf(stderr, "fake NVML: what is %s", text);
    abort();
}

static void look(void) {
    const char *path = getenv("FAKE_NVML");
    struct stat now;
    if (!path || stat(path, &now)) return;
    if (now.st_size == read_size && !memcmp(&now.st_mtim, &read_at, sizeof read_at)) return;
    FILE *file = fopen(path, "r");
    if (!file) return;
    char text[512];
    begin();
    while (fgets(text, sizeof text, file)) if (text[0] != '\n') line(text);
    fclose(file);
    read_size = now.st_size;
    read_at = now.st_mtim;
}

static int told_to_hang(const char *function) {
    look();
    for (int i = 0; i < hanging; i++) if (!strcmp(hangs[i].function, function)) return 1;
    return 0;
}

__attribute__((constructor)) static void loaded(void) { while (told_to_hang("dlopen")) usleep(2000); }

static int enter(const char *function, const int *device) {
    while (told_to_hang(function)) usleep(2000);
    for (int i = 0; i < failing; i++) {
        rule *r = &failures[i];
        if ((!strcmp(r->function, function) || !strcmp(r->function, "*"))
            && (r->index < 0 || (device && device[1] == r->index))) return r->code;
    }
    return opened || !strcmp(function, "nvmlInitWithFlags") ? OK : UNINITIALIZED;
}
/* Every device begins with is_mig and index. */
#define ENTER(device) do { int code = enter(__func__, (const int *)(device)); if (code) return code; } while (0)
#define WHOLE(device) do { ENTER(device); if (((const int *)(device))[0]) return NOT_SUPPORTED; } while (0)

int nvmlInitWithFlags(unsigned flags) { (void)flags; ENTER(NULL); opened++; return OK; }
int nvmlShutdown(void) { ENTER(NULL); opened--; return OK; }
const char *nvmlErrorString(int code) { (void)code; return "a code that pynvml does not know"; }
int nvmlSystemGetDriverVersion(char *out, unsigned n) { ENTER(NULL); snprintf(out, n, "%s", driver); return OK; }
int nvmlDeviceGetCount_v2(unsigned *n) { ENTER(NULL); *n = count; return OK; }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, gpu **out) {
    if ((int)index >= count) return INVALID;
    ENTER(&gpus[index]);
    *out = &gpus[index];
    return OK;
}

int nvmlDeviceGetUUID(void *d, char *out, unsigned n) {
    ENTER(d);
    snprintf(out, n, "%s", *(int *)d ? ((instance *)d)->uuid : ((gpu *)d)->uuid);
    return OK;
}
int nvmlDeviceGetName(gpu *g, char *out, unsigned n) { ENTER(g); snprintf(out, n, "%s", g->name); return OK; }

int nvmlDeviceGetMigMode(gpu *g, unsigned *now, unsigned *next) { WHOLE(g); *now = *next = g->mig; return OK; }
int nvmlDeviceGetMaxMigDeviceCount(gpu *g, unsigned *n) { WHOLE(g); *n = g->mig ? PLACES : 0; return OK; }
int nvmlDeviceGetMigDeviceHandleByIndex(gpu *g, unsigned place, instance **out) {
    WHOLE(g);
    if (!g->instances[place].there) return NOT_FOUND;
    *out = &g->instances[place];
    return OK;
}
int nvmlDeviceGetGpuInstanceId(instance *m, unsigned *gi) { ENTER(m); if (!m->is_mig) return INVALID; *gi = m->gi; return OK; }

static int running(void *d, unsigned *n, process *out) {
    processes *p = *(int *)d ? &((instance *)d)->procs : &((gpu *)d)->procs;
    unsigned room = out ? *n : 0;
    *n = p->count;
    if (!p->count) return OK;
    if (room < *n) return TOO_SMALL;
    memcpy(out, p->all, p->count * sizeof(process));
    return OK;
}

int nvmlDeviceGetComputeRunningProcesses_v2(void *d, unsigned *n, process *out) { ENTER(d); return running(d, n, out); }
int nvmlDeviceGetComputeRunningProcesses_v3(void *d, unsigned *n, process *out) { ENTER(d); return running(d, n, out); }

/* The driver's own is in use by the first version, and beside it by the second; of an instance it keeps none. */
int nvmlDeviceGetMemoryInfo(void *d, memory *out) {
    ENTER(d);
    instance *m = d;
    gpu *g = d;
    u64 used = m->is_mig ? m->used : g->used + g->reserved, total = m->is_mig ? m->total : g->total;
    *out = (memory){total, total - used, used};
    return OK;
}
int nvmlDeviceGetMemoryInfo_v2(void *d, memory_v2 *out) {
    ENTER(d);
    instance *m = d;
    gpu *g = d;
    if (out->version != (sizeof *out | 2 << 24)) return INVALID;
    u64 used = m->is_mig ? m->used : g->used, total = m->is_mig ? m->total : g->total;
    u64 reserved = m->is_mig ? 0 : g->reserved;
    *out = (memory_v2){out->version, total, reserved, total - reserved - used, used};
    return OK;
}
int nvmlDeviceGetUtilizationRates(gpu *g, unsigned out[2]) {
    WHOLE(g);
    if (g->mig) return NOT_SUPPORTED;
    out[0] = g->util; out[1] = 0;
    return OK;
}
int nvmlDeviceGetPowerUsage(gpu *g, unsigned *mw) { WHOLE(g); *mw = g->power; return OK; }
int nvmlDeviceGetTotalEnergyConsumption(gpu *g, u64 *mj) { WHOLE(g); *mj = g->energy; return OK; }
int nvmlDeviceGetTemperature(gpu *g, unsigned sensor, unsigned *c) { WHOLE(g); if (sensor) return INVALID; *c = g->temp; return OK; }
int nvmlDeviceGetCurrentClocksEventReasons(gpu *g, u64 *r) { WHOLE(g); *r = g->reasons; return OK; }
int nvmlDeviceGetCurrentClocksThrottleReasons(gpu *g, u64 *r) { WHOLE(g); *r = g->reasons; return OK; }
int nvmlDeviceGetTotalEccErrors(gpu *g, unsigned type, unsigned counter, u64 *n) {
    WHOLE(g);
    if (counter) return INVALID; /* asked for aggregate, not volatile */
    *n = type ? g->ecc_u : g->ecc_c;
    return OK;
}
int nvmlDeviceGetRemappedRows(gpu *g, unsigned *c, unsigned *u, unsigned *pending, unsigned *failed) {
    WHOLE(g);
    *c = *u = 0; *pending = g->pending; *failed = g->failed;
    return OK;
}
int nvmlDeviceGetRetiredPagesPendingStatus(gpu *g, unsigned *pending) {
    WHOLE(g);
    if (g->pages == NO_PAGES) return NOT_SUPPORTED;
    *pending = g->pages;
    return OK;
}

int nvmlEventSetCreate(void **set) { ENTER(NULL); *set = &registered; registered = 0; taken = events; return OK; }
int nvmlDeviceGetSupportedEventTypes(gpu *g, u64 *types) { WHOLE(g); *types = EVENTS; return OK; }
int nvmlDeviceRegisterEvents(gpu *g, u64 types, void *set) {
    WHOLE(g);
    if (set != &registered || types & ~EVENTS) return INVALID;
    if (types & 8) registered |= 1u << g->index;
    return OK;
}
int nvmlEventSetWait_v2(void *set, event *out, unsigned milliseconds) {
    (void)milliseconds;
    ENTER(NULL);
    if (set != &registered) return INVALID;
    while (taken < events) {
        int index = xids[taken].index, number = xids[taken].number;
        unsigned gi = xids[taken++].gi;
        if (registered & 1u << index) { *out = (event){&gpus[index], 8, number, gi, 0}; return OK; }
    }
    return TIMEOUT;
}
int nvmlEventSetFree(void *set) { ENTER(NULL); return set == &registered ? OK : INVALID; }
