/* The part of NVIDIA's libraries that the probe of devices calls, with devices that FAKE_* macros describe. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { char legacy[16]; unsigned domain, bus, device, id, subsystem; char bus_id[32]; } pci_info;
typedef struct { unsigned long long total, free, used; } memory_info;
typedef struct { unsigned gpu, memory; } utilization;
typedef struct { unsigned multiprocessors, engines[5], slices, compute_slices; unsigned long long memory_mb; } attributes;

#ifndef FAKE_COUNT
#define FAKE_COUNT 3
#endif
/* Handles: devices from 1, slices of the last device from 101. The last device is cut into slices. */
#define INDEX(handle) ((unsigned)(size_t)(handle) - 1)
#define IS_SLICE(handle) ((size_t)(handle) > 100)

/* A file that says that it hangs, and the hanging. */
__attribute__((unused)) static void hang(const char *path) {
  fclose(fopen(path, "w"));
  for (;;) pause();
}

int nvmlInit_v2(void) {
#ifdef FAKE_HANG
  hang(FAKE_HANG);
#endif
#ifdef FAKE_CRASH
  abort();
#endif
#ifdef FAKE_NO_DRIVER
  return 9;
#endif
  return 0;
}
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int result) { return result == 9 ? "Driver Not Loaded" : "Some Error"; }
int nvmlSystemGetDriverVersion(char *text, unsigned length) { snprintf(text, length, "550.54.15"); return 0; }
int nvmlSystemGetCudaDriverVersion_v2(int *version) { *version = 12040; return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = FAKE_COUNT; return 0; }
/* A file FAKE_LOST with the index at its end stands for a device that has fallen off the bus. */
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
#ifdef FAKE_LOST
  char path[4096];
  snprintf(path, sizeof path, "%s%u", FAKE_LOST, index);
  if (access(path, F_OK) == 0) return 15;
#endif
  *handle = (void *)(size_t)(index + 1);
  return 0;
}
int nvmlDeviceGetUtilizationRates(void *handle, utilization *rates) {
#ifdef FAKE_HANG_MEASURING
  hang(FAKE_HANG_MEASURING);
#endif
  if (IS_SLICE(handle)) return 3;
  rates->gpu = 10 * (INDEX(handle) + 1);
  rates->memory = 1;
  return 0;
}
int nvmlDeviceGetName(void *handle, char *text, unsigned length) {
  snprintf(text, length, IS_SLICE(handle) ? "NVIDIA A100-SXM4-40GB MIG 1g.5gb" : "NVIDIA A100-SXM4-40GB");
  return 0;
}
int nvmlDeviceGetUUID(void *handle, char *text, unsigned length) {
  snprintf(text, length, IS_SLICE(handle) ? "MIG-%u" : "GPU-%u", IS_SLICE(handle) ? INDEX(handle) - 100 : INDEX(handle));
  return 0;
}
int nvmlDeviceGetPciInfo_v3(void *handle, pci_info *info) {
  memset(info, 0, sizeof *info);
  snprintf(info->bus_id, sizeof info->bus_id, "00000000:%02X:00.0", 0x3A + INDEX(handle));
  return 0;
}
/* More than 32 bits. */
int nvmlDeviceGetMemoryInfo(void *handle, memory_info *info) {
  info->total = 42949672960ULL;
  info->used = IS_SLICE(handle) ? 1ULL << 20 : (unsigned long long)(INDEX(handle) + 1) << 30;
  info->free = info->total - info->used;
  return 0;
}
#ifndef FAKE_OLD
int nvmlDeviceGetMigMode(void *handle, unsigned *current, unsigned *pending) {
  *current = *pending = INDEX(handle) == FAKE_COUNT - 1;
  return INDEX(handle) == 0 ? 3 : 0;
}
int nvmlDeviceGetMaxMigDeviceCount(void *handle, unsigned *count) { *count = 7; return 0; }
int nvmlDeviceGetMigDeviceHandleByIndex(void *handle, unsigned index, void **slice) {
  if (index == 1 || index > 2) return 6;
  *slice = (void *)(size_t)(101 + index);
  return 0;
}
int nvmlDeviceGetAttributes_v2(void *handle, attributes *out) {
  memset(out, 0, sizeof *out);
  out->multiprocessors = 14;
  out->memory_mb = 4864;
  return 0;
}
#endif

/* Processes 100 and 200 share the first device, of which 100 draws too and 300 draws only; on the second is one of another
   namespace, whose memory is not told. */
#ifdef FAKE_PROCESSES
typedef struct { unsigned pid; unsigned long long memory; unsigned instance, compute_instance; } process_info;
typedef struct { unsigned pid; unsigned long long time; unsigned sm, memory, encoder, decoder; } process_sample;
int nvmlDeviceGetComputeRunningProcesses_v3(void *handle, unsigned *count, process_info *infos) {
  if (*count < 2) return 7;
  *count = 0;
  if (INDEX(handle) == 0) {
    infos[0] = (process_info){100, 1ULL << 33, 0, 0};
    infos[1] = (process_info){200, 1ULL << 20, 0, 0};
    *count = 2;
  }
  if (INDEX(handle) == 1) {
    infos[0] = (process_info){987654, ~0ULL, 0, 0};
    *count = 1;
  }
  return 0;
}
int nvmlDeviceGetGraphicsRunningProcesses_v2(void *handle, unsigned *count, process_info *infos) {
  if (*count < 2) return 7;
  *count = 0;
  if (INDEX(handle) == 0) {
    infos[0] = (process_info){100, 1ULL << 33, 0, 0};
    infos[1] = (process_info){300, 1ULL << 21, 0, 0};
    *count = 2;
  }
  return IS_SLICE(handle) ? 3 : 0;
}
int nvmlDeviceGetMPSComputeRunningProcesses_v3(void *handle, unsigned *count, process_info *infos) { return 13; }
int nvmlDeviceGetProcessUtilization(void *handle, process_sample *samples, unsigned *count, unsigned long long since) {
  if (IS_SLICE(handle)) return 3;
  if (INDEX(handle) != 0 || since >= 8) return 6;
  samples[0] = (process_sample){100, 8, 42, 0, 0, 0};
  samples[1] = (process_sample){100, 7, 99, 0, 0, 0};
  samples[2] = (process_sample){300, 8, 5, 0, 0, 0};
  *count = 3;
  return 0;
}
#endif

int cuInit(unsigned flags) { return 0; }
int cuDeviceGetByPCIBusId(int *device, const char *id) { *device = id[10] - 'A'; return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) { *value = attribute == 16 ? 108 : 0; return 0; }
