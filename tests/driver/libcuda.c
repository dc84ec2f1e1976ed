/* A stand-in for NVIDIA's driver library, libcuda.so.1: GPU programs run here without a GPU.

   WHAT IT IS FOR.  The tests run on machines without a card.  There this library takes the place
   of the driver; the real numba.cuda and NVIDIA's real compiler work above it, as on a card.
   It can prove: that the kernels compile; that their arguments arrive, in the sizes that the
   compiled code expects; which copies, launches and allocations the course makes; that it frees
   its memory; what it says when the driver refuses.  It cannot prove: any time (times are those
   of this CPU); that the machine code is right (it never runs); that the host waits where it must
   (all work is done at once, in the order of the calls: a missing wait changes no result).

   WHO CALLS WHOM
     pytest, test_gpu_path.py and test_real_failures.py (by hand: python -m tests.driver COMMAND)
       |  tests/driver/__init__.py: build() compiles this file, environment() lets Python find it
     a new Python process; first of all, start/sitecustomize.py sets `stand_in.hook`
       |  runs tests/driver/card_checks.py, or a small program; they call the course's package
     numba.cuda, then cuda.core and cuda.bindings: they look functions up, cuGetProcAddress_v2()
       |  (the course's cuda_graph.py and platforms.py call the library directly, with ctypes)
     this library: cuMemAlloc_v2(), cuMemcpyHtoD_v2(), cuLaunchKernelEx(), ...
       |  only a launch goes further: launch(), then run(), then `stand_in.hook`
     start/stand_in.py: run_launch() finds the kernel of this name, makes arrays from the addresses
       |
     lstm_kernels/emulator runs the same Python function on the "device" memory

   HOW IT IS PLAYED.  There are no locks: two threads must not call at the same moment.
     cards     numbers, from 0 on; `attributes` are a Tesla T4's, apart from STAND_IN_CC
     contexts  one for each card, `contexts`; each thread has a stack of them, `stack`
     memory    host memory, a struct Block for each allocation, filled with 0xFF (a float: NaN)
     copies    memcpy, if stand_in_reaches() finds the card's bytes inside one block
     handles   a struct Object in the list `objects`; enum Kind says what it is
     code      a LIBRARY and its KERNELs; read_cubin() reads them from the compiled file
     launches  check_launch() refuses what a card would; if the hook fails, `broken` is set
     events    `moment`: the clock at cuEventRecord()
     graphs    while a stream is captured (`capturing`), write_down() keeps its launches as a list
               of struct Launch; cuGraphLaunch() runs the list

   WHAT IS COUNTED.  `stand_in` counts calls and bytes; count() in start/stand_in.py reads it.  A
   right result does not show that one copy is too many.  So the tests compare what the lessons
   claim (V2: 38 copies) with what the driver saw.  Refused calls are not counted, nor are fills.

   SETTINGS.  Environment variables, read by cuInit(); STAND_IN_DRIVER is read whenever needed.  In
   a test: run(..., CARDS=2) sets STAND_IN_CARDS.
     STAND_IN_CARDS       number of cards (1); cuInit() finds no device unless it is 1 to 4
     CUDA_VISIBLE_DEVICES as NVIDIA's driver has it: the numbers of the cards that are seen
     STAND_IN_CC          compute capability (75, for 7.5)
     STAND_IN_DRIVER      newest CUDA that the driver knows (12080, for 12.8)
     STAND_IN_MEMORY      MiB of memory of each card (15360)
     STAND_IN_INIT_ERROR  what cuInit() answers (0), for example 100: no device
     STAND_IN_LOAD_ERROR  what loading code answers (0), for example 222: unsupported PTX

   WHEN A FUNCTION IS MISSING.  A new numba-cuda may call one that is not here.  The call then ends
   with "FunctionNotFoundError: function cuMemHostRegister_v2 is not found".  If that happens when
   the course starts, it goes on without a card, and card_checks.py fails at `device.TARGET`; then
   traceback.print_exception(device.WHY_NO_GPU) shows the whole error.  To add the function:
     1. Find its arguments in cuda.h (site-packages/nvidia/cuda_runtime/include).
     2. Write it in its section, under the name in the message.  Check what its neighbours check:
        NEED_CONTEXT; NEED_SAFE if it allocates, frees or loads; NEED_USABLE if it uses a stream.
     3. Add it to `table`: PLAIN, or SECOND if its name ends in _v2.
     4. A new count, or a new enum Kind, also goes into COUNTS of start/stand_in.py, at the same
        place.  A new error goes into the enum below and into `errors`.
     5. Add a check to card_checks.py.  Run: python -m pytest tests/test_gpu_path.py

   MAP: answers; what tests read; settings and state; handles; what a capture refuses; start;
   errors; devices; contexts; memory (2 sections); code (4); launches (3); streams; events; graphs;
   the table of all functions.  Not every function is called today: numba-cuda 0.30.4 calls no
   cuModule... and no cuLink... function in these tests. */

#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- answers and addresses ------------------------------------------------------------------ */

/* What a driver function answers (CUresult): 0, or the number of an error. */
enum {
  SUCCESS = 0,
  INVALID_VALUE = 1,
  OUT_OF_MEMORY = 2,
  NOT_INITIALIZED = 3,
  DEVICE_UNAVAILABLE = 46,
  NO_DEVICE = 100,
  INVALID_DEVICE = 101,
  INVALID_IMAGE = 200,
  INVALID_CONTEXT = 201,
  NO_BINARY_FOR_GPU = 209,
  UNSUPPORTED_PTX_VERSION = 222,
  INVALID_HANDLE = 400,
  NOT_FOUND = 500,
  LAUNCH_OUT_OF_RESOURCES = 701,
  LAUNCH_FAILED = 719,
  COOPERATIVE_LAUNCH_TOO_LARGE = 720,
  NOT_SUPPORTED = 801,
  SYSTEM_DRIVER_MISMATCH = 803,
  COMPAT_NOT_SUPPORTED_ON_DEVICE = 804,
  STREAM_CAPTURE_UNSUPPORTED = 900,
  STREAM_CAPTURE_INVALIDATED = 901,
  STREAM_CAPTURE_ISOLATION = 905,
  STREAM_CAPTURE_IMPLICIT = 906,
  CAPTURED_EVENT = 907,
  STREAM_CAPTURE_WRONG_THREAD = 908,
  UNKNOWN = 999
};
typedef int Result;
typedef uint64_t Pointer; /* an address in a card's memory (CUdeviceptr) */

/* ---- what tests read and set ---------------------------------------------------------------- */

/* Called for each kernel that runs; an answer other than 0 says that the kernel failed. */
typedef int Hook(const char *name, void *function, const unsigned *grid, const unsigned *block,
                 unsigned shared, void **arguments);

/* The kinds of struct Object. */
enum Kind { LIBRARY, KERNEL, STREAM, EVENT, LINK, GRAPH, EXECUTABLE, KINDS };

/* start/stand_in.py (class State) names the same numbers in the same order: change both. */
struct {
  int64_t launches, synchronisations, loads, allocations, frees;
  int64_t copies_in, bytes_in;         /* host to device */
  int64_t copies_out, bytes_out;       /* device to host */
  int64_t copies_inside, bytes_inside; /* device to device */
  int64_t recorded, replays; /* launches written down in a graph; graphs that were started */
  int64_t alive[KINDS];      /* objects made and not yet destroyed */
  Hook *hook; /* 0: a launch is counted and does nothing */
} stand_in;

/* ---- settings, and the state of the driver -------------------------------------------------- */

enum { MAX_CARDS = 4, MAX_STACK = 16, MIB = 1 << 20 };
static int initialised, cards, capability, load_error;
static int broken; /* LAUNCH_FAILED after a failed launch: then all that needs a context fails */
static size_t memory, used[MAX_CARDS]; /* bytes of each card; bytes of it that are in use */
static struct Context { int device, retained; } contexts[MAX_CARDS];
static _Thread_local struct Context *stack[MAX_STACK];
static _Thread_local int depth; /* contexts on this thread's stack; the last one is current */

/* A number from the environment. */
static int setting(const char *name, int otherwise) {
  const char *text = getenv(name);
  return text ? atoi(text) : otherwise;
}

/* Not kept by cuInit: both functions that need it may be called before cuInit. */
static int driver_version(void) { return setting("STAND_IN_DRIVER", 12080); }

static struct Context *current(void) { return depth ? stack[depth - 1] : 0; }

/* May a function that needs a context go on? */
static Result ready(void) {
  return !initialised ? NOT_INITIALIZED : !current() ? INVALID_CONTEXT : broken;
}

/* Two ways to leave a function with an error.  NEED: this condition is false.  TRY: this call
   gives an error, which is passed on. */
#define NEED(condition, error) do { if (!(condition)) return (error); } while (0)
#define TRY(call) do { Result r_ = (call); if (r_) return r_; } while (0)
#define NEED_CONTEXT TRY(ready())

/* ---- handles: what the driver makes and the caller only names ------------------------------- */

/* A handle is the address of a struct Object.  All stand in one list, so a handle that is unknown
   or destroyed is noticed.  Which fields are used depends on the kind. */
struct Parameter { uint32_t offset, size; }; /* where a kernel's argument lies, and its bytes */

struct Object {
  enum Kind kind;
  struct Object *next, *library; /* a kernel's library */
  char *name;                    /* a kernel's */
  int registers;                 /* a kernel's, for each thread */
  int static_shared;             /* a kernel's bytes of shared memory */
  int dynamic_shared;            /* the most bytes on demand; 0: never set */
  int count;                     /* a kernel's parameters: how many */
  struct Parameter *parameters;  /* each of them */
  char *image; size_t size;      /* a library's or a link's */
  double moment;                 /* an event's, in ms; negative before it is recorded */
  int captured;                  /* an event that was last recorded in a captured stream */
  int non_blocking;              /* a stream that does not wait for the default one */
  struct Launch *launches;       /* a graph's or an executable's, in their order */
};
static struct Object *objects;
static void forget_launches(struct Object *);

static struct Object *make(enum Kind kind) {
  struct Object *object = calloc(1, sizeof *object);
  object->kind = kind;
  object->next = objects;
  stand_in.alive[kind]++;
  return objects = object;
}

/* Is this the handle of a living object of this kind? */
static int is(enum Kind kind, const void *handle) {
  for (struct Object *o = objects; o; o = o->next)
    if (o == handle) return o->kind == kind;
  return 0;
}

static void unmake(struct Object *object) {
  struct Object **link = &objects;
  while (*link != object) link = &(*link)->next;
  *link = object->next;
  stand_in.alive[object->kind]--;
  forget_launches(object);
  free(object->name); free(object->parameters); free(object->image); free(object);
}

/* 0, 1 and 2 are the default streams. */
static int is_stream(const void *handle) {
  return (uintptr_t)handle <= 2 || is(STREAM, handle);
}

/* ---- what is refused while a stream is captured ---------------------------------------------

   A refusal by spoil() also spoils the graph: the capture then ends with an error.  The rules are
   those of the CUDA Programming Guide ("Prohibited and Unhandled Operations") and of
   cuThreadExchangeStreamCaptureMode.  Stricter than the real driver: one stream at a time can be
   captured; it records launches, no copies, and an event is only marked; and whatever might be an
   unsafe call counts as one. */

enum Mode { GLOBAL, THREAD_LOCAL, RELAXED, MODES }; /* CUstreamCaptureMode */
static struct Object *capturing, *captured;         /* the stream, and its graph */
static enum Mode mode;
static const int *recorder; /* the thread that began: its `depth` */
static int spoilt;

/* The graph that is being recorded is lost: cuStreamEndCapture will say so. */
static Result spoil(Result error) {
  spoilt = 1;
  return error;
}

/* May this thread allocate, free, load code, or ask for events that lie outside the graph? */
static Result safe(void) {
  int refused = mode == GLOBAL || (mode == THREAD_LOCAL && recorder == &depth);
  return capturing && refused ? spoil(STREAM_CAPTURE_UNSUPPORTED) : SUCCESS;
}

/* May something run in this stream now, or be waited for? */
static Result usable(const void *stream) {
  NEED(is_stream(stream), INVALID_HANDLE);
  if (!capturing) return SUCCESS;
  NEED(stream != capturing, spoil(STREAM_CAPTURE_UNSUPPORTED));
  int legacy = (uintptr_t)stream <= 1; /* it waits for the captured stream, too */
  return legacy && !capturing->non_blocking ? spoil(STREAM_CAPTURE_IMPLICIT) : SUCCESS;
}

#define NEED_SAFE TRY(safe())
#define NEED_USABLE(stream) TRY(usable(stream))

/* ---- start ---------------------------------------------------------------------------------- */

/* How many of the cards CUDA_VISIBLE_DEVICES shows: its list counts up to the first wrong number.
   They are all alike, so which ones they are makes no difference. */
static int visible(int there) {
  const char *list = getenv("CUDA_VISIBLE_DEVICES");
  int count = 0;
  if (!list) return there;
  for (; list && *list && atoi(list) >= 0 && atoi(list) < there; count++)
    if ((list = strchr(list, ','))) list++;
  return count;
}

Result cuInit(unsigned flags) {
  NEED(flags == 0, INVALID_VALUE);
  TRY(setting("STAND_IN_INIT_ERROR", SUCCESS));
  cards = setting("STAND_IN_CARDS", 1);
  NEED(cards > 0 && cards <= MAX_CARDS, NO_DEVICE);
  cards = visible(cards);
  NEED(cards > 0, NO_DEVICE);
  capability = setting("STAND_IN_CC", 75);
  memory = (size_t)setting("STAND_IN_MEMORY", 15360) * MIB;
  load_error = setting("STAND_IN_LOAD_ERROR", SUCCESS);
  for (int d = 0; d < cards; d++) contexts[d].device = d;
  initialised = 1;
  return SUCCESS;
}

Result cuDriverGetVersion(int *out) {
  *out = driver_version();
  return SUCCESS;
}

/* ---- errors: their names and texts ---------------------------------------------------------- */

#define ERROR(name, text) {name, "CUDA_ERROR_" #name, text}
static const struct { int code; const char *name, *text; } errors[] = {
  {SUCCESS, "CUDA_SUCCESS", "no error"},
  ERROR(INVALID_VALUE, "invalid argument"),
  ERROR(OUT_OF_MEMORY, "out of memory"),
  ERROR(NOT_INITIALIZED, "initialization error"),
  ERROR(DEVICE_UNAVAILABLE, "CUDA-capable device(s) is/are busy or unavailable"),
  ERROR(NO_DEVICE, "no CUDA-capable device is detected"),
  ERROR(INVALID_DEVICE, "invalid device ordinal"),
  ERROR(INVALID_IMAGE, "device kernel image is invalid"),
  ERROR(INVALID_CONTEXT, "invalid device context"),
  ERROR(NO_BINARY_FOR_GPU, "no kernel image is available for execution on the device"),
  ERROR(UNSUPPORTED_PTX_VERSION, "the provided PTX was compiled with an unsupported toolchain."),
  ERROR(INVALID_HANDLE, "invalid resource handle"),
  ERROR(NOT_FOUND, "named symbol not found"),
  ERROR(LAUNCH_OUT_OF_RESOURCES, "too many resources requested for launch"),
  ERROR(LAUNCH_FAILED, "unspecified launch failure"),
  ERROR(COOPERATIVE_LAUNCH_TOO_LARGE, "too many blocks in cooperative launch"),
  ERROR(NOT_SUPPORTED, "operation not supported"),
  ERROR(SYSTEM_DRIVER_MISMATCH, "system has unsupported display driver / cuda driver combination"),
  ERROR(COMPAT_NOT_SUPPORTED_ON_DEVICE,
        "forward compatibility was attempted on non supported HW"),
  ERROR(STREAM_CAPTURE_UNSUPPORTED, "operation not permitted when stream is capturing"),
  ERROR(STREAM_CAPTURE_INVALIDATED, "operation failed due to a previous error during capture"),
  ERROR(STREAM_CAPTURE_ISOLATION, "dependency created on uncaptured work in another stream"),
  ERROR(STREAM_CAPTURE_IMPLICIT,
        "operation would make the legacy stream depend on a capturing blocking stream"),
  ERROR(CAPTURED_EVENT, "operation not permitted on an event last recorded in a capturing stream"),
  ERROR(STREAM_CAPTURE_WRONG_THREAD,
        "attempt to terminate a thread-local capture sequence from another thread"),
  ERROR(UNKNOWN, "unknown error"),
};

static Result error_text(Result code, const char **out, int long_one) {
  for (size_t e = 0; e < sizeof errors / sizeof *errors; e++)
    if (errors[e].code == code) {
      *out = long_one ? errors[e].text : errors[e].name;
      return SUCCESS;
    }
  *out = 0;
  return INVALID_VALUE;
}

Result cuGetErrorName(Result code, const char **out) { return error_text(code, out, 0); }
Result cuGetErrorString(Result code, const char **out) { return error_text(code, out, 1); }

/* ---- devices: a card is its number, from 0 on ----------------------------------------------- */

static int is_device(int device) { return device >= 0 && device < cards; }

Result cuDeviceGetCount(int *out) {
  NEED(initialised, NOT_INITIALIZED);
  *out = cards;
  return SUCCESS;
}

Result cuDeviceGet(int *out, int ordinal) {
  NEED(initialised, NOT_INITIALIZED);
  NEED(is_device(ordinal), INVALID_DEVICE);
  *out = ordinal;
  return SUCCESS;
}

Result cuDeviceGetName(char *out, int length, int device) {
  NEED(is_device(device), INVALID_DEVICE);
  snprintf(out, length, "Stand-in T4");
  return SUCCESS;
}

Result cuDeviceGetUuid_v2(unsigned char *out, int device) {
  NEED(is_device(device), INVALID_DEVICE);
  memset(out, device + 1, 16); /* another for each card */
  return SUCCESS;
}

Result cuDeviceTotalMem_v2(size_t *out, int device) {
  NEED(is_device(device), INVALID_DEVICE);
  *out = memory;
  return SUCCESS;
}

static const int attributes[][2] = { /* CUdevice_attribute, value: those of a Tesla T4 */
  {1, 1024}, {2, 1024}, {3, 1024}, {4, 64},       /* threads of a block; along x, y, z */
  {5, 2147483647}, {6, 65535}, {7, 65535},        /* blocks along x, y, z */
  {8, 49152}, {9, 65536}, {10, 32}, {12, 65536},  /* shared, constant, warp, registers */
  {13, 1590000}, {16, 40}, {31, 1},               /* clock in kHz, SMs, kernels side by side */
  {36, 5001000}, {37, 256}, {38, 4194304},        /* memory clock and bus, L2 cache */
  {39, 1024}, {41, 1}, {81, 65536}, {82, 65536},  /* of an SM: threads, shared, registers */
  {83, 1}, {95, 1}, {97, 65536}, {106, 16},       /* managed, cooperative, optin, blocks */
};

/* 75 and 76 are the compute capability.  An attribute that stands nowhere here answers 0. */
Result cuDeviceGetAttribute(int *out, int attribute, int device) {
  NEED(is_device(device), INVALID_DEVICE);
  *out = attribute == 75 ? capability / 10 : attribute == 76 ? capability % 10 : 0;
  for (size_t a = 0; a < sizeof attributes / sizeof *attributes; a++)
    if (attributes[a][0] == attribute) *out = attributes[a][1];
  return SUCCESS;
}

Result cuDeviceCanAccessPeer(int *out, int device, int peer) {
  NEED(is_device(device) && is_device(peer), INVALID_DEVICE);
  *out = 0;
  return SUCCESS;
}

/* ---- contexts: one for each card, and a stack of them for each thread ----------------------- */

static int is_context(const struct Context *context) {
  return context >= contexts && context < contexts + cards;
}

Result cuDevicePrimaryCtxRetain(struct Context **out, int device) {
  NEED(initialised, NOT_INITIALIZED);
  NEED(is_device(device), INVALID_DEVICE);
  contexts[device].retained++;
  *out = &contexts[device];
  return SUCCESS;
}

Result cuDevicePrimaryCtxRelease_v2(int device) {
  NEED(is_device(device), INVALID_DEVICE);
  NEED(contexts[device].retained > 0, INVALID_CONTEXT);
  contexts[device].retained--;
  return SUCCESS;
}

Result cuDevicePrimaryCtxReset_v2(int device) {
  NEED(is_device(device), INVALID_DEVICE);
  broken = SUCCESS;
  return SUCCESS;
}

Result cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active) {
  NEED(is_device(device), INVALID_DEVICE);
  *flags = 0;
  *active = contexts[device].retained > 0;
  return SUCCESS;
}

Result cuCtxPushCurrent_v2(struct Context *context) {
  NEED(is_context(context), INVALID_CONTEXT);
  NEED(depth < MAX_STACK, INVALID_VALUE);
  stack[depth++] = context;
  return SUCCESS;
}

Result cuCtxPopCurrent_v2(struct Context **out) {
  NEED(depth, INVALID_CONTEXT);
  *out = stack[--depth];
  return SUCCESS;
}

Result cuCtxSetCurrent(struct Context *context) {
  NEED(!context || is_context(context), INVALID_CONTEXT);
  if (depth) depth--;
  return context ? cuCtxPushCurrent_v2(context) : SUCCESS;
}

Result cuCtxGetCurrent(struct Context **out) {
  NEED(initialised, NOT_INITIALIZED);
  *out = current();
  return SUCCESS;
}

Result cuCtxGetDevice(int *out) {
  NEED_CONTEXT;
  *out = current()->device;
  return SUCCESS;
}

Result cuCtxSynchronize(void) {
  NEED_CONTEXT;
  NEED(!capturing, spoil(STREAM_CAPTURE_UNSUPPORTED));
  stand_in.synchronisations++;
  return SUCCESS;
}

/* ---- memory: what is allocated -------------------------------------------------------------- */

enum { ON_DEVICE = 2, ON_HOST = 1 }; /* CUmemorytype */
static struct Block { char *base; size_t size; int where, device; } *blocks;
static size_t block_count, block_room;

/* The block that this address lies in; 0 if none. */
static struct Block *find(Pointer address) {
  char *p = (char *)(uintptr_t)address;
  for (size_t b = block_count; b-- > 0;)
    if (p >= blocks[b].base && p < blocks[b].base + blocks[b].size) return &blocks[b];
  return 0;
}

/* Does the card reach all these bytes?  Exported: start/stand_in.py asks for kernels' arrays. */
int stand_in_reaches(Pointer address, size_t size) {
  struct Block *block = find(address);
  return !size || (block && address + size <= (uintptr_t)block->base + block->size);
}

/* Page-locked host memory (ON_HOST) is a block, too; it takes nothing of the card's memory. */
static Result allocate(void **out, size_t size, int where) {
  NEED_CONTEXT;
  NEED_SAFE;
  NEED(size, INVALID_VALUE);
  int device = current()->device;
  NEED(where == ON_HOST || used[device] + size <= memory, OUT_OF_MEMORY);
  if (block_count == block_room)
    blocks = realloc(blocks, (block_room = 2 * block_room + 16) * sizeof *blocks);
  char *base = aligned_alloc(256, (size + 255) / 256 * 256);
  NEED(base, OUT_OF_MEMORY);
  memset(base, 0xFF, size); /* NaN: fresh memory of a card holds rubbish */
  blocks[block_count++] = (struct Block){base, size, where, device};
  if (where == ON_DEVICE) used[device] += size;
  stand_in.allocations++;
  *out = base;
  return SUCCESS;
}

static Result release(Pointer address, int where) {
  NEED_CONTEXT;
  NEED_SAFE;
  struct Block *block = find(address);
  NEED(block && block->where == where && (uintptr_t)block->base == address, INVALID_VALUE);
  if (where == ON_DEVICE) used[block->device] -= block->size;
  free(block->base);
  *block = blocks[--block_count];
  stand_in.frees++;
  return SUCCESS;
}

Result cuMemAlloc_v2(Pointer *out, size_t size) { return allocate((void **)out, size, ON_DEVICE); }
Result cuMemFree_v2(Pointer address) { return address ? release(address, ON_DEVICE) : SUCCESS; }
Result cuMemAllocManaged(Pointer *out, size_t size, unsigned flags) {
  (void)flags;
  return allocate((void **)out, size, ON_DEVICE);
}
Result cuMemHostAlloc(void **out, size_t size, unsigned flags) {
  (void)flags;
  return allocate(out, size, ON_HOST);
}
Result cuMemFreeHost(void *p) { return release((uintptr_t)p, ON_HOST); }

Result cuMemHostGetDevicePointer_v2(Pointer *out, void *p, unsigned flags) {
  NEED(flags == 0 && find((uintptr_t)p), INVALID_VALUE);
  *out = (uintptr_t)p;
  return SUCCESS;
}

Result cuMemGetInfo_v2(size_t *free_bytes, size_t *total) {
  NEED_CONTEXT;
  *total = memory;
  *free_bytes = memory - used[current()->device];
  return SUCCESS;
}

Result cuMemGetAddressRange_v2(Pointer *base, size_t *size, Pointer address) {
  NEED_CONTEXT;
  struct Block *block = find(address);
  NEED(block, NOT_FOUND);
  if (base) *base = (uintptr_t)block->base;
  if (size) *size = block->size;
  return SUCCESS;
}

Result cuPointerGetAttribute(void *out, int attribute, Pointer address) {
  struct Block *block = find(address);
  NEED(block, INVALID_VALUE);
  switch (attribute) {
  case 1: *(void **)out = &contexts[block->device]; return SUCCESS; /* context */
  case 2: *(unsigned *)out = block->where; return SUCCESS;          /* memory type */
  case 3: *(Pointer *)out = address; return SUCCESS;                /* device pointer */
  case 8: *(unsigned *)out = 0; return SUCCESS;                     /* managed */
  case 9: *(int *)out = block->device; return SUCCESS;              /* ordinal */
  default: return NOT_SUPPORTED;
  }
}

/* ---- memory: copies and fills --------------------------------------------------------------- */

/* With or without Async: the copy is done when the call returns. */
Result cuMemcpyHtoDAsync_v2(Pointer to, const void *from, size_t size, void *stream) {
  NEED_CONTEXT;
  NEED_USABLE(stream);
  NEED(from && stand_in_reaches(to, size), INVALID_VALUE);
  memcpy((void *)(uintptr_t)to, from, size);
  stand_in.copies_in++;
  stand_in.bytes_in += size;
  return SUCCESS;
}

Result cuMemcpyDtoHAsync_v2(void *to, Pointer from, size_t size, void *stream) {
  NEED_CONTEXT;
  NEED_USABLE(stream);
  NEED(to && stand_in_reaches(from, size), INVALID_VALUE);
  memcpy(to, (void *)(uintptr_t)from, size);
  stand_in.copies_out++;
  stand_in.bytes_out += size;
  return SUCCESS;
}

Result cuMemcpyDtoDAsync_v2(Pointer to, Pointer from, size_t size, void *stream) {
  NEED_CONTEXT;
  NEED_USABLE(stream);
  NEED(stand_in_reaches(to, size) && stand_in_reaches(from, size), INVALID_VALUE);
  memmove((void *)(uintptr_t)to, (void *)(uintptr_t)from, size);
  stand_in.copies_inside++;
  stand_in.bytes_inside += size;
  return SUCCESS;
}

Result cuMemcpyHtoD_v2(Pointer to, const void *from, size_t size) {
  return cuMemcpyHtoDAsync_v2(to, from, size, 0);
}
Result cuMemcpyDtoH_v2(void *to, Pointer from, size_t size) {
  return cuMemcpyDtoHAsync_v2(to, from, size, 0);
}
Result cuMemcpyDtoD_v2(Pointer to, Pointer from, size_t size) {
  return cuMemcpyDtoDAsync_v2(to, from, size, 0);
}

Result cuMemsetD8Async(Pointer to, unsigned char value, size_t size, void *stream) {
  NEED_CONTEXT;
  NEED_USABLE(stream);
  NEED(stand_in_reaches(to, size), INVALID_VALUE);
  memset((void *)(uintptr_t)to, value, size);
  return SUCCESS;
}
Result cuMemsetD8_v2(Pointer to, unsigned char value, size_t size) {
  return cuMemsetD8Async(to, value, size, 0);
}

/* ---- code: what a cubin (an ELF file) tells of its kernels ---------------------------------- */

/* The rest of the text after this start; 0 if it starts otherwise. */
static const char *after(const char *text, const char *start) {
  size_t length = strlen(start);
  return strncmp(text, start, length) ? 0 : text + length;
}

static struct Object *kernel_of(struct Object *library, const char *name) {
  for (struct Object *o = objects; o; o = o->next)
    if (o->kind == KERNEL && o->library == library && !strcmp(o->name, name)) return o;
  return 0;
}

/* Section .nv.info.NAME: records of (format, attribute, size or value); 0x17 is a parameter. */
static void read_info(struct Object *kernel, const unsigned char *at, const unsigned char *end) {
  while (at + 4 <= end) {
    uint16_t size;
    memcpy(&size, at + 2, sizeof size);
    if (at[0] == 4 && at[1] == 0x17) {
      uint16_t ordinal, offset;
      uint32_t bits;
      memcpy(&ordinal, at + 8, 2);
      memcpy(&offset, at + 10, 2);
      memcpy(&bits, at + 12, 4);
      if (ordinal >= kernel->count) {
        kernel->parameters = realloc(kernel->parameters, (ordinal + 1) * sizeof(struct Parameter));
        kernel->count = ordinal + 1;
      }
      kernel->parameters[ordinal] = (struct Parameter){offset, bits >> 18};
    }
    at += 4 + (at[0] == 4 ? size : 0);
  }
}

/* ELF sections: .text.NAME is a kernel's code, .nv.shared.NAME its shared memory. */
static Result read_cubin(struct Object *library) {
  const char *image = library->image;
  const Elf64_Ehdr *head = (const void *)image;
  const Elf64_Shdr *sections = (const void *)(image + head->e_shoff);
  const char *names = image + sections[head->e_shstrndx].sh_offset, *name;
  for (int s = 0; s < head->e_shnum; s++)
    if ((name = after(names + sections[s].sh_name, ".text."))) {
      struct Object *kernel = make(KERNEL);
      kernel->library = library;
      kernel->name = strdup(name);
      kernel->registers = sections[s].sh_info >> 24;
    }
  for (int s = 0; s < head->e_shnum; s++) {
    const char *section = names + sections[s].sh_name;
    struct Object *kernel;
    if ((name = after(section, ".nv.shared.")) && (kernel = kernel_of(library, name)))
      kernel->static_shared = sections[s].sh_size;
    const unsigned char *at = (const void *)(image + sections[s].sh_offset);
    if ((name = after(section, ".nv.info.")) && (kernel = kernel_of(library, name)))
      read_info(kernel, at, at + sections[s].sh_size);
  }
  return SUCCESS;
}

/* PTX is text; the real driver would compile it.  Its kernels' registers are not known here. */
static Result read_ptx(struct Object *library) {
  for (const char *at = library->image; (at = strstr(at, ".entry ")); ) {
    at += strlen(".entry ");
    struct Object *kernel = make(KERNEL);
    kernel->library = library;
    kernel->name = strndup(at, strcspn(at, "( \n\t"));
  }
  return SUCCESS;
}

/* The caller tells no size: the image ends with its last ELF section, or where the text ends. */
static size_t image_size(const char *image) {
  if (memcmp(image, ELFMAG, SELFMAG)) return strlen(image) + 1;
  const Elf64_Ehdr *head = (const void *)image;
  const Elf64_Shdr *sections = (const void *)(image + head->e_shoff);
  size_t end = head->e_shoff + head->e_shnum * sizeof *sections;
  for (int s = 0; s < head->e_shnum; s++)
    if (sections[s].sh_type != SHT_NOBITS && sections[s].sh_offset + sections[s].sh_size > end)
      end = sections[s].sh_offset + sections[s].sh_size;
  return end;
}

/* ---- code: libraries (in older calls: modules) and their kernels ---------------------------- */

static Result load(struct Object **out, const void *image) {
  NEED_CONTEXT;
  NEED_SAFE;
  NEED(image, INVALID_VALUE);
  TRY(load_error);
  struct Object *library = make(LIBRARY);
  library->size = image_size(image);
  library->image = memcpy(malloc(library->size), image, library->size);
  stand_in.loads++;
  *out = library;
  return memcmp(image, ELFMAG, SELFMAG) ? read_ptx(library) : read_cubin(library);
}

static Result unload(struct Object *library) {
  NEED(is(LIBRARY, library), INVALID_HANDLE);
  NEED_SAFE;
  for (struct Object *o = objects, *next; o; o = next) {
    next = o->next;
    if (o->library == library) unmake(o);
  }
  unmake(library);
  return SUCCESS;
}

static Result get_kernel(struct Object **out, struct Object *library, const char *name) {
  NEED_CONTEXT;
  NEED(is(LIBRARY, library), INVALID_HANDLE);
  return (*out = kernel_of(library, name)) ? SUCCESS : NOT_FOUND;
}

Result cuModuleLoadDataEx(struct Object **out, const void *image, unsigned n, int *o, void **v) {
  (void)n; (void)o; (void)v;
  return load(out, image);
}
Result cuModuleLoadData(struct Object **out, const void *image) { return load(out, image); }
Result cuModuleUnload(struct Object *library) { return unload(library); }
Result cuModuleGetFunction(struct Object **out, struct Object *library, const char *name) {
  return get_kernel(out, library, name);
}
Result cuModuleGetGlobal_v2(Pointer *out, size_t *size, struct Object *library, const char *name) {
  (void)out; (void)size; (void)name;
  NEED(is(LIBRARY, library), INVALID_HANDLE);
  return NOT_FOUND; /* the course's kernels have no global variables */
}

Result cuLibraryLoadData(struct Object **out, const void *image, int *jo, void **jv, unsigned jn,
                         int *lo, void **lv, unsigned ln) {
  (void)jo; (void)jv; (void)jn; (void)lo; (void)lv; (void)ln;
  return load(out, image);
}
Result cuLibraryUnload(struct Object *library) { return unload(library); }
Result cuLibraryGetKernel(struct Object **out, struct Object *library, const char *name) {
  return get_kernel(out, library, name);
}
Result cuLibraryGetModule(struct Object **out, struct Object *library) {
  NEED(is(LIBRARY, library), INVALID_HANDLE);
  *out = library;
  return SUCCESS;
}
Result cuLibraryGetGlobal(Pointer *out, size_t *size, struct Object *library, const char *name) {
  return cuModuleGetGlobal_v2(out, size, library, name);
}
Result cuKernelGetFunction(struct Object **out, struct Object *kernel) {
  NEED(is(KERNEL, kernel), INVALID_HANDLE);
  *out = kernel;
  return SUCCESS;
}

/* ---- code: a kernel's attributes and parameters --------------------------------------------- */

/* The numbers are those of CUfunction_attribute; 8 is the most dynamic shared memory. */
static Result kernel_attribute(int *out, int attribute, const struct Object *kernel) {
  NEED(is(KERNEL, kernel), INVALID_HANDLE);
  switch (attribute) {
  case 0: *out = 1024; return SUCCESS; /* threads of a block */
  case 1: *out = kernel->static_shared; return SUCCESS;
  case 4: *out = kernel->registers; return SUCCESS;
  case 5: case 6: *out = capability; return SUCCESS; /* PTX and binary version */
  case 8: *out = kernel->dynamic_shared ? kernel->dynamic_shared : 49152; return SUCCESS;
  default: *out = 0; return SUCCESS;
  }
}

/* Only the limit of dynamic shared memory (8) is kept; other attributes are accepted. */
static Result set_attribute(struct Object *kernel, int attribute, int value) {
  NEED(is(KERNEL, kernel), INVALID_HANDLE);
  NEED(attribute != 8 || value + kernel->static_shared <= 65536, INVALID_VALUE);
  if (attribute == 8) kernel->dynamic_shared = value; /* more than 48 KiB only on demand */
  return SUCCESS;
}

Result cuFuncGetAttribute(int *out, int attribute, struct Object *kernel) {
  return kernel_attribute(out, attribute, kernel);
}
Result cuKernelGetAttribute(int *out, int attribute, struct Object *kernel, int device) {
  NEED(is_device(device), INVALID_DEVICE);
  return kernel_attribute(out, attribute, kernel);
}
Result cuFuncSetAttribute(struct Object *kernel, int attribute, int value) {
  return set_attribute(kernel, attribute, value);
}
Result cuKernelSetAttribute(int attribute, int value, struct Object *kernel, int device) {
  NEED(is_device(device), INVALID_DEVICE);
  return set_attribute(kernel, attribute, value);
}
Result cuFuncSetCacheConfig(struct Object *kernel, int config) {
  (void)config;
  return is(KERNEL, kernel) ? SUCCESS : INVALID_HANDLE;
}
Result cuKernelSetCacheConfig(struct Object *kernel, int config, int device) {
  (void)device;
  return cuFuncSetCacheConfig(kernel, config);
}
Result cuKernelGetParamInfo(struct Object *kernel, size_t index, size_t *offset, size_t *size) {
  NEED(is(KERNEL, kernel), INVALID_HANDLE);
  NEED((int)index < kernel->count, INVALID_VALUE);
  *offset = kernel->parameters[index].offset;
  if (size) *size = kernel->parameters[index].size;
  return SUCCESS;
}
Result cuFuncGetParamInfo(struct Object *kernel, size_t index, size_t *offset, size_t *size) {
  return cuKernelGetParamInfo(kernel, index, offset, size);
}

/* ---- code: the driver's own linker ---------------------------------------------------------- */

/* One piece of code passes through it as it is. */
Result cuLinkCreate_v2(unsigned n, int *options, void **values, struct Object **out) {
  (void)n; (void)options; (void)values;
  NEED_CONTEXT;
  *out = make(LINK);
  return SUCCESS;
}
Result cuLinkAddData_v2(struct Object *link, int type, const void *data, size_t size,
                        const char *name, unsigned n, int *options, void **values) {
  (void)type; (void)name; (void)n; (void)options; (void)values;
  NEED(is(LINK, link), INVALID_HANDLE);
  TRY(load_error);
  NEED(!link->image, NOT_SUPPORTED);
  link->image = calloc(1, size + 1);
  memcpy(link->image, data, link->size = size);
  return SUCCESS;
}
Result cuLinkComplete(struct Object *link, void **out, size_t *size) {
  NEED(is(LINK, link) && link->image, INVALID_HANDLE);
  *out = link->image;
  *size = link->size;
  return SUCCESS;
}
Result cuLinkDestroy(struct Object *link) {
  NEED(is(LINK, link), INVALID_HANDLE);
  unmake(link);
  return SUCCESS;
}

/* ---- launches: what a card refuses ---------------------------------------------------------- */

static size_t rounded(size_t value, size_t step) { return (value + step - 1) / step * step; }

/* Registers are given out to warps, 256 at a time, and to four warps together. */
static size_t registers_of_block(const struct Object *kernel, size_t threads) {
  size_t warps = rounded(threads, 128) / 32;
  return warps * rounded(32 * kernel->registers, 256);
}

static Result check_launch(const struct Object *kernel, const unsigned *grid,
                           const unsigned *block, unsigned shared) {
  const unsigned most[] = {2147483647, 65535, 65535}, widest[] = {1024, 1024, 64};
  size_t threads = (size_t)block[0] * block[1] * block[2];
  for (int axis = 0; axis < 3; axis++) {
    NEED(grid[axis] >= 1 && grid[axis] <= most[axis], INVALID_VALUE);
    NEED(block[axis] >= 1 && block[axis] <= widest[axis], INVALID_VALUE);
  }
  NEED(threads <= 1024, INVALID_VALUE);
  NEED(registers_of_block(kernel, threads) <= 65536, LAUNCH_OUT_OF_RESOURCES);
  int limit = kernel->dynamic_shared ? kernel->dynamic_shared : 49152 - kernel->static_shared;
  NEED((int)shared <= limit, INVALID_VALUE);
  return SUCCESS;
}

/* How many such blocks an SM has room for: its threads, registers and shared memory. */
static int blocks_of_sm(const struct Object *kernel, size_t threads, size_t shared) {
  size_t registers = registers_of_block(kernel, threads), bytes = kernel->static_shared + shared;
  size_t most = 1024 / rounded(threads, 32);
  if (most > 16) most = 16;
  if (registers && most > 65536 / registers) most = 65536 / registers;
  if (bytes && most > 65536 / bytes) most = 65536 / bytes;
  return (int)most;
}

Result cuOccupancyMaxActiveBlocksPerMultiprocessor(int *out, struct Object *kernel, int threads,
                                                   size_t shared) {
  NEED_CONTEXT;
  NEED(is(KERNEL, kernel), INVALID_HANDLE);
  NEED(threads >= 1 && threads <= 1024, INVALID_VALUE);
  *out = blocks_of_sm(kernel, threads, shared);
  return SUCCESS;
}
Result cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *out, struct Object *kernel,
                                                            int threads, size_t shared,
                                                            unsigned flags) {
  (void)flags;
  return cuOccupancyMaxActiveBlocksPerMultiprocessor(out, kernel, threads, shared);
}

/* Blocks that wait for each other must all be on the card at once. */
static Result check_cooperative(const struct Object *kernel, const unsigned *grid,
                                const unsigned *block, unsigned shared) {
  size_t threads = (size_t)block[0] * block[1] * block[2];
  size_t blocks = (size_t)grid[0] * grid[1] * grid[2];
  NEED(threads >= 1 && threads <= 1024, INVALID_VALUE);
  NEED(blocks <= 40 * (size_t)blocks_of_sm(kernel, threads, shared), COOPERATIVE_LAUNCH_TOO_LARGE);
  return SUCCESS;
}

/* ---- launches: written down for a graph ----------------------------------------------------- */

struct Launch {
  struct Launch *next;
  struct Object *kernel;
  unsigned grid[3], block[3], shared;
  void **arguments;
};

static void *copy_of(const void *from, size_t size) {
  return memcpy(malloc(size ? size : 1), from, size);
}

/* At the end of the graph's list.  The arguments' values are copied, as a real graph does. */
static void write_down(struct Object *graph, struct Object *kernel, const unsigned *grid,
                       const unsigned *block, unsigned shared, void **arguments) {
  struct Launch *launch = calloc(1, sizeof *launch), **end = &graph->launches;
  launch->kernel = kernel;
  memcpy(launch->grid, grid, sizeof launch->grid);
  memcpy(launch->block, block, sizeof launch->block);
  launch->shared = shared;
  launch->arguments = calloc(kernel->count + 1, sizeof *launch->arguments);
  for (int p = 0; p < kernel->count; p++)
    launch->arguments[p] = copy_of(arguments[p], kernel->parameters[p].size);
  while (*end) end = &(*end)->next;
  *end = launch;
}

static void forget_launches(struct Object *graph) {
  for (struct Launch *l = graph->launches, *next; l; l = next) {
    next = l->next;
    for (void **argument = l->arguments; *argument; argument++) free(*argument);
    free(l->arguments);
    free(l);
  }
}

/* ---- launches: done ------------------------------------------------------------------------- */

static void run(struct Object *kernel, const unsigned *grid, const unsigned *block,
                unsigned shared, void **arguments) {
  if (stand_in.hook && stand_in.hook(kernel->name, kernel, grid, block, shared, arguments))
    broken = LAUNCH_FAILED; /* heard of at the next call, as on a card */
}

/* All launches come here: run at once, or written down if their stream is captured. */
static Result launch(struct Object *kernel, const unsigned *grid, const unsigned *block,
                     unsigned shared, void *stream, void **arguments) {
  NEED_CONTEXT;
  NEED(is(KERNEL, kernel) && is_stream(stream), INVALID_HANDLE);
  TRY(check_launch(kernel, grid, block, shared));
  for (int p = 0; p < kernel->count; p++) NEED(arguments && arguments[p], INVALID_VALUE);
  if (capturing && stream == capturing) {
    write_down(captured, kernel, grid, block, shared, arguments);
    stand_in.recorded++;
    return SUCCESS;
  }
  NEED_USABLE(stream);
  stand_in.launches++;
  run(kernel, grid, block, shared, arguments);
  return SUCCESS;
}

Result cuLaunchKernel(struct Object *kernel, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                      unsigned by, unsigned bz, unsigned shared, void *stream, void **arguments,
                      void **extra) {
  NEED(!extra, NOT_SUPPORTED);
  unsigned grid[] = {gx, gy, gz}, block[] = {bx, by, bz};
  return launch(kernel, grid, block, shared, stream, arguments);
}

Result cuLaunchCooperativeKernel(struct Object *kernel, unsigned gx, unsigned gy, unsigned gz,
                                 unsigned bx, unsigned by, unsigned bz, unsigned shared,
                                 void *stream, void **arguments) {
  unsigned grid[] = {gx, gy, gz}, block[] = {bx, by, bz};
  NEED(is(KERNEL, kernel), INVALID_HANDLE);
  TRY(check_cooperative(kernel, grid, block, shared));
  return cuLaunchKernel(kernel, gx, gy, gz, bx, by, bz, shared, stream, arguments, 0);
}

struct Config { /* CUlaunchConfig */
  unsigned grid[3], block[3], shared;
  void *stream;
  struct Attribute { /* CUlaunchAttribute */
    int id, padding;
    union {
      char bytes[64];
      int number;
    } value;
  } *attributes;
  unsigned attribute_count;
};
enum { COOPERATIVE = 2 }; /* CU_LAUNCH_ATTRIBUTE_COOPERATIVE */

Result cuLaunchKernelEx(const struct Config *config, struct Object *kernel, void **arguments,
                        void **extra) {
  NEED(config, INVALID_VALUE);
  NEED(!extra, NOT_SUPPORTED);
  NEED(is(KERNEL, kernel), INVALID_HANDLE);
  for (unsigned a = 0; a < config->attribute_count; a++)
    if (config->attributes[a].id == COOPERATIVE && config->attributes[a].value.number)
      TRY(check_cooperative(kernel, config->grid, config->block, config->shared));
  return launch(kernel, config->grid, config->block, config->shared, config->stream, arguments);
}

/* ---- streams: work is done at once, so nothing waits in them -------------------------------- */

Result cuStreamCreate(struct Object **out, unsigned flags) {
  NEED_CONTEXT;
  NEED(flags <= 1, INVALID_VALUE);
  *out = make(STREAM);
  (*out)->non_blocking = flags;
  return SUCCESS;
}
Result cuStreamCreateWithPriority(struct Object **out, unsigned flags, int priority) {
  (void)priority;
  return cuStreamCreate(out, flags);
}
Result cuStreamDestroy_v2(struct Object *stream) {
  NEED(is(STREAM, stream), INVALID_HANDLE);
  NEED(stream != capturing, spoil(STREAM_CAPTURE_UNSUPPORTED));
  unmake(stream);
  return SUCCESS;
}
Result cuStreamSynchronize(void *stream) {
  NEED_CONTEXT;
  NEED_USABLE(stream);
  stand_in.synchronisations++;
  return SUCCESS;
}
Result cuStreamQuery(void *stream) {
  NEED_CONTEXT;
  return usable(stream);
}
Result cuStreamGetCtx(void *stream, struct Context **out) {
  NEED_CONTEXT;
  NEED(is_stream(stream), INVALID_HANDLE);
  *out = current();
  return SUCCESS;
}
Result cuStreamIsCapturing(void *stream, int *out) {
  NEED(is_stream(stream), INVALID_HANDLE);
  *out = stream && stream == capturing;
  return SUCCESS;
}

/* ---- events: the moment at which they were recorded ----------------------------------------- */

static double milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e3 + now.tv_nsec * 1e-6;
}

Result cuEventCreate(struct Object **out, unsigned flags) {
  (void)flags;
  NEED_CONTEXT;
  *out = make(EVENT);
  (*out)->moment = -1;
  return SUCCESS;
}
Result cuEventDestroy_v2(struct Object *event) {
  NEED(is(EVENT, event), INVALID_HANDLE);
  unmake(event);
  return SUCCESS;
}
Result cuEventRecord(struct Object *event, void *stream) {
  NEED_CONTEXT;
  NEED(is(EVENT, event), INVALID_HANDLE);
  event->captured = capturing && stream == capturing;
  if (event->captured) return SUCCESS; /* a mark in the graph, and never a moment */
  NEED_USABLE(stream);
  event->moment = milliseconds();
  return SUCCESS;
}

/* May the caller ask for this event, or wait for it?  It has happened: work is done at once. */
static Result happened(const struct Object *event) {
  NEED_CONTEXT;
  NEED(is(EVENT, event), INVALID_HANDLE);
  NEED(!event->captured, spoil(CAPTURED_EVENT));
  return safe();
}
Result cuEventQuery(struct Object *event) { return happened(event); }
Result cuEventSynchronize(struct Object *event) {
  TRY(happened(event));
  stand_in.synchronisations++;
  return SUCCESS;
}
Result cuStreamWaitEvent(void *stream, struct Object *event, unsigned flags) {
  (void)flags;
  NEED(is_stream(stream) && is(EVENT, event), INVALID_HANDLE);
  int inside = capturing && stream == capturing;
  NEED(inside || !event->captured, spoil(STREAM_CAPTURE_UNSUPPORTED));
  NEED(!inside || event->captured, spoil(STREAM_CAPTURE_ISOLATION));
  return inside ? SUCCESS : usable(stream);
}
Result cuEventElapsedTime(float *out, struct Object *start, struct Object *end) {
  NEED_CONTEXT;
  NEED(is(EVENT, start) && is(EVENT, end), INVALID_HANDLE);
  NEED(!start->captured && !end->captured, spoil(CAPTURED_EVENT));
  NEED(start->moment >= 0 && end->moment >= 0, INVALID_HANDLE);
  *out = end->moment - start->moment;
  return SUCCESS;
}

/* ---- graphs: a captured stream's launches --------------------------------------------------- */

/* Begin and end of a capture give a GRAPH; it is copied into an EXECUTABLE, which can be started
   again and again. */
Result cuStreamBeginCapture_v2(struct Object *stream, unsigned wanted) {
  NEED_CONTEXT;
  NEED((uintptr_t)stream > 1, STREAM_CAPTURE_UNSUPPORTED);
  NEED(is(STREAM, stream), INVALID_HANDLE);
  NEED(wanted < MODES && !capturing, INVALID_VALUE);
  capturing = stream;
  captured = make(GRAPH);
  mode = wanted;
  recorder = &depth;
  spoilt = 0;
  return SUCCESS;
}
Result cuStreamEndCapture(struct Object *stream, struct Object **out) {
  NEED_CONTEXT;
  NEED(is(STREAM, stream), INVALID_HANDLE);
  NEED(stream == capturing, INVALID_VALUE);
  NEED(mode == RELAXED || recorder == &depth, STREAM_CAPTURE_WRONG_THREAD);
  capturing = 0;
  if (spoilt) unmake(captured);
  *out = spoilt ? 0 : captured;
  return spoilt ? STREAM_CAPTURE_INVALIDATED : SUCCESS;
}
Result cuGraphInstantiateWithFlags(struct Object **out, struct Object *graph, uint64_t flags) {
  NEED_CONTEXT;
  NEED(is(GRAPH, graph) && !flags, INVALID_VALUE);
  NEED_SAFE;
  *out = make(EXECUTABLE);
  for (struct Launch *l = graph->launches; l; l = l->next)
    write_down(*out, l->kernel, l->grid, l->block, l->shared, l->arguments);
  return SUCCESS;
}
Result cuGraphLaunch(struct Object *executable, void *stream) {
  NEED_CONTEXT;
  NEED(is(EXECUTABLE, executable), INVALID_VALUE);
  NEED_USABLE(stream);
  stand_in.replays++;
  for (struct Launch *l = executable->launches; l; l = l->next)
    run(l->kernel, l->grid, l->block, l->shared, l->arguments);
  return SUCCESS;
}
Result cuGraphDestroy(struct Object *graph) {
  NEED(is(GRAPH, graph), INVALID_VALUE);
  NEED_SAFE;
  unmake(graph);
  return SUCCESS;
}
Result cuGraphExecDestroy(struct Object *executable) {
  NEED(is(EXECUTABLE, executable), INVALID_VALUE);
  NEED_SAFE;
  unmake(executable);
  return SUCCESS;
}

/* ---- the table by which other libraries find all this --------------------------------------- */

/* PLAIN(cuInit, 2000): the function is named cuInit, and CUDA 2.0 and newer have it.
   SECOND(cuMemFree, 3020): who asks for cuMemFree gets cuMemFree_v2, which came with CUDA 3.2.
   NVIDIA's cudaTypedefs.h has these numbers: PFN_cuMemFree_v3020. */
#define PLAIN(name, since) {#name, since, (void *)name}
#define SECOND(name, since) {#name, since, (void *)name##_v2}

Result cuGetProcAddress_v2(const char *, void **, int, uint64_t, int *);
Result cuGetProcAddress(const char *, void **, int, uint64_t);

static const struct { const char *name; int since; void *function; } table[] = {
  /* start */
  PLAIN(cuInit, 2000), PLAIN(cuDriverGetVersion, 2020),
  /* errors */
  PLAIN(cuGetErrorName, 6000), PLAIN(cuGetErrorString, 6000),
  /* devices */
  PLAIN(cuDeviceGet, 2000), PLAIN(cuDeviceGetCount, 2000), PLAIN(cuDeviceGetName, 2000),
  SECOND(cuDeviceGetUuid, 9020), SECOND(cuDeviceTotalMem, 3020), PLAIN(cuDeviceGetAttribute, 2000),
  PLAIN(cuDeviceCanAccessPeer, 4000),
  /* contexts */
  PLAIN(cuDevicePrimaryCtxRetain, 7000), SECOND(cuDevicePrimaryCtxRelease, 11000),
  SECOND(cuDevicePrimaryCtxReset, 11000), PLAIN(cuDevicePrimaryCtxGetState, 7000),
  SECOND(cuCtxPushCurrent, 4000), SECOND(cuCtxPopCurrent, 4000), PLAIN(cuCtxSetCurrent, 4000),
  PLAIN(cuCtxGetCurrent, 4000), PLAIN(cuCtxGetDevice, 2000), PLAIN(cuCtxSynchronize, 2000),
  /* memory: what is allocated */
  SECOND(cuMemAlloc, 3020), SECOND(cuMemFree, 3020), PLAIN(cuMemAllocManaged, 6000),
  PLAIN(cuMemHostAlloc, 2020), PLAIN(cuMemFreeHost, 2000), SECOND(cuMemHostGetDevicePointer, 3020),
  SECOND(cuMemGetInfo, 3020), SECOND(cuMemGetAddressRange, 3020),
  PLAIN(cuPointerGetAttribute, 4000),
  /* memory: copies and fills */
  SECOND(cuMemcpyHtoD, 3020), SECOND(cuMemcpyDtoH, 3020), SECOND(cuMemcpyDtoD, 3020),
  SECOND(cuMemcpyHtoDAsync, 3020), SECOND(cuMemcpyDtoHAsync, 3020),
  SECOND(cuMemcpyDtoDAsync, 3020), SECOND(cuMemsetD8, 3020), PLAIN(cuMemsetD8Async, 3020),
  /* code: libraries */
  PLAIN(cuModuleLoadDataEx, 2010), PLAIN(cuModuleLoadData, 2000), PLAIN(cuModuleUnload, 2000),
  PLAIN(cuModuleGetFunction, 2000), SECOND(cuModuleGetGlobal, 3020),
  PLAIN(cuLibraryLoadData, 12000), PLAIN(cuLibraryUnload, 12000), PLAIN(cuLibraryGetKernel, 12000),
  PLAIN(cuLibraryGetModule, 12000), PLAIN(cuLibraryGetGlobal, 12000),
  PLAIN(cuKernelGetFunction, 12000),
  /* code: attributes */
  PLAIN(cuFuncGetAttribute, 2020), PLAIN(cuKernelGetAttribute, 12000),
  PLAIN(cuFuncSetAttribute, 9000), PLAIN(cuKernelSetAttribute, 12000),
  PLAIN(cuFuncSetCacheConfig, 3000), PLAIN(cuKernelSetCacheConfig, 12000),
  PLAIN(cuKernelGetParamInfo, 12040), PLAIN(cuFuncGetParamInfo, 12040),
  /* code: the linker */
  SECOND(cuLinkCreate, 6050), SECOND(cuLinkAddData, 6050), PLAIN(cuLinkComplete, 5050),
  PLAIN(cuLinkDestroy, 5050),
  /* launches */
  PLAIN(cuLaunchKernel, 4000), PLAIN(cuLaunchKernelEx, 11060),
  PLAIN(cuLaunchCooperativeKernel, 9000),
  PLAIN(cuOccupancyMaxActiveBlocksPerMultiprocessor, 6050),
  PLAIN(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags, 7000),
  /* streams */
  PLAIN(cuStreamCreate, 2000), PLAIN(cuStreamCreateWithPriority, 5050),
  SECOND(cuStreamDestroy, 4000), PLAIN(cuStreamSynchronize, 2000), PLAIN(cuStreamQuery, 2000),
  PLAIN(cuStreamGetCtx, 9020), PLAIN(cuStreamIsCapturing, 10000),
  /* events */
  PLAIN(cuStreamWaitEvent, 3020), PLAIN(cuEventCreate, 2000), SECOND(cuEventDestroy, 4000),
  PLAIN(cuEventRecord, 2000), PLAIN(cuEventQuery, 2000), PLAIN(cuEventSynchronize, 2000),
  PLAIN(cuEventElapsedTime, 2000),
  /* graphs */
  SECOND(cuStreamBeginCapture, 10010), PLAIN(cuStreamEndCapture, 10000),
  PLAIN(cuGraphInstantiateWithFlags, 11040), PLAIN(cuGraphLaunch, 10000),
  PLAIN(cuGraphDestroy, 10000), PLAIN(cuGraphExecDestroy, 10000),
  /* this table */
  PLAIN(cuGetProcAddress, 11030), SECOND(cuGetProcAddress, 12000),
};

/* The newest form of the function that both the caller (`wanted`) and this driver know. */
Result cuGetProcAddress_v2(const char *name, void **out, int wanted, uint64_t flags, int *status) {
  (void)flags;
  int newest = driver_version(), best = -1;
  *out = 0;
  for (size_t f = 0; f < sizeof table / sizeof *table; f++)
    if (!strcmp(table[f].name, name) && table[f].since <= wanted && table[f].since <= newest &&
        table[f].since > best) {
      best = table[f].since;
      *out = table[f].function;
    }
  if (status) *status = *out ? 0 : 1;
  return *out ? SUCCESS : NOT_FOUND;
}
Result cuGetProcAddress(const char *name, void **out, int wanted, uint64_t flags) {
  return cuGetProcAddress_v2(name, out, wanted, flags, 0);
}
