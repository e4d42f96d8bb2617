//! The exported functions: a tour as a program makes it, in this process; and the shared library with all names that cudarc loads.

use std::ffi::{CStr, CString, c_char, c_void};
use virtual_cuda::cublas::*;
use virtual_cuda::driver::api::*;

const TEXT: &str = "
.version 8.0
.target sm_70
.address_size 64
.visible .entry triple(.param .u64 x, .param .u32 n) {
    .reg .pred %p; .reg .b32 %r<4>; .reg .b64 %rd<3>; .reg .f32 %f<2>;
    mov.u32 %r1, %tid.x; ld.param.u32 %r2, [n]; setp.ge.u32 %p, %r1, %r2; @%p bra $end;
    ld.param.u64 %rd1, [x]; mul.wide.u32 %rd2, %r1, 4; add.s64 %rd1, %rd1, %rd2;
    ld.global.f32 %f1, [%rd1]; mul.f32 %f1, %f1, 0f40400000; st.global.f32 [%rd1], %f1;
    $end: ret;
}";

/// A place for a result.
fn out<T>(x: &mut T) -> Out<T> {
    Out(x)
}

/// One test, for the driver of a process is one.
#[test]
fn a_tour() {
    let (mut n, mut device, mut context, mut module, mut function, mut stream, mut event) =
        (0i32, 0, 0, 0, 0, 0, [0, 0]);
    assert_eq!(cuDeviceGetCount(out(&mut n)), 3, "not before cuInit");
    assert_eq!(cuInit(0), 0);
    assert_eq!((cuDeviceGetCount(out(&mut n)), n), (0, 1));
    assert_eq!((cuDeviceGet(out(&mut device), 0), cuDeviceGet(out(&mut device), 1)), (0, 101));
    let mut name = [0 as c_char; 64];
    assert_eq!(cuDeviceGetName(name.as_mut_ptr(), 64, 0), 0);
    // SAFETY: the call wrote a text with its zero byte into the array.
    let name = unsafe { CStr::from_ptr(name.as_ptr()) }.to_str().unwrap();
    assert!(name.starts_with("Virtual GPU 0"), "{name}");
    let (mut major, mut warp, mut uuid, mut total) = (0, 0, [0; 16], 0);
    assert_eq!((cuDeviceGetAttribute(out(&mut major), 75, 0), major), (0, 9));
    assert_eq!((cuDeviceGetAttribute(out(&mut warp), 10, 0), warp), (0, 32));
    assert_eq!(
        (cuDeviceGetUuid_v2(out(&mut uuid), 0), cuDeviceTotalMem_v2(out(&mut total), 0), total),
        (0, 0, 2 << 30)
    );

    assert_eq!(cuStreamCreate(out(&mut stream), 1), 201, "no context yet");
    assert_eq!(cuDevicePrimaryCtxRetain(out(&mut context), 0), 0);
    assert_eq!((cuCtxSetCurrent(context), cuCtxSetCurrent(12345)), (0, 201));
    let text = CString::new(TEXT).unwrap();
    assert_eq!(cuModuleLoadData(out(&mut module), Text(text.as_ptr())), 0);
    assert_eq!(cuModuleGetFunction(out(&mut function), module, Text(c"triple".as_ptr())), 0);
    assert_eq!(cuModuleGetFunction(out(&mut function), module, Text(c"quadruple".as_ptr())), 500);
    assert_eq!(
        (
            cuStreamCreate(out(&mut stream), 1),
            cuEventCreate(out(&mut event[0]), 0),
            cuEventCreate(out(&mut event[1]), 0)
        ),
        (0, 0, 0)
    );

    let (mut x, mut free_before, mut free_after) = (0u64, 0, 0);
    assert_eq!(
        (cuMemGetInfo_v2(out(&mut free_before), out(&mut total)), cuMemAllocAsync(out(&mut x), 40, stream)),
        (0, 0)
    );
    assert_eq!((cuMemGetInfo_v2(out(&mut free_after), out(&mut total)), free_before - free_after), (0, 40));
    let values: Vec<f32> = (0..10).map(|i| i as f32).collect();
    assert_eq!(cuMemcpyHtoDAsync_v2(x, In(values.as_ptr().cast()), 40, stream), 0);
    let count = 10u32;
    let parameters = [(&raw const x).cast::<u8>(), (&raw const count).cast()];
    assert_eq!(cuEventRecord(event[0], stream), 0);
    assert_eq!(cuLaunchKernel(function, 1, 1, 1, 32, 1, 1, 0, stream, In(parameters.as_ptr()), std::ptr::null()), 0);
    assert_eq!((cuEventRecord(event[1], stream), cuEventSynchronize(event[1]), cuEventQuery(event[1])), (0, 0, 0));
    let mut milliseconds = -1.0;
    assert_eq!(cuEventElapsedTime(out(&mut milliseconds), event[0], event[1]), 0);
    assert!(milliseconds >= 0.0);
    let mut back = [0f32; 10];
    assert_eq!(cuMemcpyDtoHAsync_v2(back.as_mut_ptr().cast(), x, 40, stream), 0);
    assert_eq!(back[7], 21.0);

    captured(stream, function, &parameters, x);
    pinned(stream, x);
    products(stream, x);
    errors();

    assert_eq!(cuMemFreeAsync(x, stream), 0);
    assert_eq!((cuStreamSynchronize(stream), cuMemGetInfo_v2(out(&mut free_after), out(&mut total))), (0, 0));
    assert_eq!(free_after, free_before);
    assert_eq!((cuStreamDestroy_v2(stream), cuStreamDestroy_v2(stream), cuEventDestroy_v2(event[0])), (0, 400, 0));
    assert_eq!((cuModuleUnload(module), cuCtxSynchronize(), cuDevicePrimaryCtxRelease_v2(0)), (0, 0, 0));
}

/// x, tripled in a graph that is launched twice.
fn captured(stream: usize, function: usize, parameters: &[*const u8; 2], x: u64) {
    let (mut graph, mut executable, mut status, mut nodes) = (0, 0, 0, 0);
    assert_eq!(cuStreamBeginCapture_v2(stream, 1), 0);
    assert_eq!(cuLaunchKernel(function, 1, 1, 1, 32, 1, 1, 0, stream, In(parameters.as_ptr()), std::ptr::null()), 0);
    assert_eq!((cuStreamIsCapturing(stream, out(&mut status)), status), (0, 1));
    assert_eq!(cuStreamEndCapture(stream, out(&mut graph)), 0);
    assert_eq!((cuGraphGetNodes(graph, std::ptr::null_mut(), out(&mut nodes)), nodes), (0, 1));
    assert_eq!(cuGraphInstantiateWithFlags(out(&mut executable), graph, 0), 0);
    assert_eq!((cuGraphLaunch(executable, stream), cuGraphLaunch(executable, stream)), (0, 0));
    assert_eq!((cuGraphExecDestroy(executable), cuGraphDestroy(graph), cuGraphDestroy(graph)), (0, 0, 400));
    let mut back = [0f32; 10];
    assert_eq!((cuStreamSynchronize(stream), cuMemcpyDtoH_v2(back.as_mut_ptr().cast(), x, 40)), (0, 0));
    assert_eq!(back[1], 27.0);
}

/// Page-locked memory of the host, there and back.
fn pinned(stream: usize, x: u64) {
    let mut host: *mut c_void = std::ptr::null_mut();
    assert_eq!(cuMemHostAlloc(out(&mut host), 40, 0), 0);
    assert_eq!(cuMemsetD32Async(x, 2f32.to_bits(), 10, stream), 0);
    assert_eq!((cuMemcpyDtoHAsync_v2(host, x, 40, stream), cuStreamSynchronize(stream)), (0, 0));
    // SAFETY: the driver gave 40 bytes there, and has copied ten floats to them.
    assert_eq!(unsafe { std::slice::from_raw_parts(host.cast::<f32>(), 10) }, [2.0; 10]);
    assert_eq!((cuMemFreeHost(host), cuMemFreeHost(host)), (0, 1));
}

/// [2, 2] by [2, 2], all twos.
fn products(stream: usize, x: u64) {
    let (mut handle, mut y) = (0, 0);
    assert_eq!(
        (cublasCreate_v2(out(&mut handle)), cublasSetStream_v2(handle, stream), cublasSetMathMode(handle, 0)),
        (0, 0, 0)
    );
    assert_eq!(cuMemAlloc_v2(out(&mut y), 16), 0);
    let (one, zero) = (1f32, 0f32);
    let scalar = |v: &f32| In((&raw const *v).cast::<c_void>());
    assert_eq!(cublasSgemm_v2(handle, 0, 1, 2, 2, 2, scalar(&one), x, 2, x, 2, scalar(&zero), y, 2), 0);
    let mut back = [0f32; 4];
    assert_eq!((cuStreamSynchronize(stream), cuMemcpyDtoH_v2(back.as_mut_ptr().cast(), y, 16)), (0, 0));
    assert_eq!(back, [8.0; 4]);
    assert_eq!(cublasGemmEx(handle, 0, 0, 2, 2, 2, scalar(&one), x, 0, 2, x, 0, 2, scalar(&one), y, 0, 2, 68, -1), 0);
    assert_eq!((cuStreamSynchronize(stream), cuMemcpyDtoH_v2(back.as_mut_ptr().cast(), y, 16)), (0, 0));
    assert_eq!(back, [16.0; 4]);
    assert_eq!(cublasSgemm_v2(handle, 0, 0, 2, 2, 2, scalar(&one), x, 1, x, 2, scalar(&zero), y, 2), 7, "lda");
    assert_eq!((cublasDestroy_v2(handle), cublasDestroy_v2(handle), cuMemFree_v2(y), cuMemFree_v2(y)), (0, 1, 0, 1));
}

/// Names, descriptions, and what is refused.
fn errors() {
    let mut text: *const c_char = std::ptr::null();
    assert_eq!((cuGetErrorName(700, out(&mut text)), cuGetErrorName(4711, Out(std::ptr::null_mut()))), (0, 1));
    // SAFETY: the driver's names are constants with a zero byte.
    assert_eq!(unsafe { CStr::from_ptr(text) }, c"CUDA_ERROR_ILLEGAL_ADDRESS");
    assert_eq!(cuGetErrorString(2, out(&mut text)), 0);
    // SAFETY: as above.
    assert_eq!(unsafe { CStr::from_ptr(text) }, c"out of memory");
    let (mut module, mut log, mut x) = (0, [0 as c_char; 200], 0);
    let options = [5u32, 6];
    let values = [log.as_mut_ptr() as usize, log.len()];
    let bad = CString::new(TEXT.replace("mul.f32", "mull.f32")).unwrap();
    assert_eq!(
        cuModuleLoadDataEx(out(&mut module), Text(bad.as_ptr()), 2, In(options.as_ptr()), In(values.as_ptr())),
        218
    );
    // SAFETY: the driver wrote its message and a zero byte there.
    let message = unsafe { CStr::from_ptr(log.as_ptr()) }.to_str().unwrap();
    assert!(message.contains("unknown instruction `mull.f32`"), "{message}");
    assert_eq!((cuMemAlloc_v2(out(&mut x), 0), cuMemAlloc_v2(out(&mut x), 3 << 30)), (1, 2));
    assert!(driver().reports.last().unwrap().contains("out of memory: 3221225472 bytes asked for"));
}

#[cfg(target_os = "linux")]
mod library {
    use std::ffi::{CString, c_char, c_int, c_void};

    unsafe extern "C" {
        fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
        fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    }

    /// What cudarc 0.19's safe layer calls, and what this project calls besides.
    const NAMES: &str = "cuInit cuDeviceGetCount cuDeviceGet cuDeviceGetAttribute cuDeviceGetName cuDeviceTotalMem_v2 cuDeviceGetUuid_v2
        cuDriverGetVersion cuDevicePrimaryCtxRetain cuDevicePrimaryCtxRelease_v2 cuCtxGetCurrent cuCtxSetCurrent cuCtxSynchronize
        cuCtxGetDevice cuCtxEnablePeerAccess cuDeviceCanAccessPeer cuStreamCreate cuStreamDestroy_v2 cuStreamSynchronize cuStreamQuery
        cuStreamWaitEvent cuMemAllocAsync cuMemFreeAsync cuMemAlloc_v2 cuMemFree_v2 cuMemGetInfo_v2 cuMemHostAlloc cuMemFreeHost
        cuMemcpyHtoDAsync_v2 cuMemcpyDtoHAsync_v2 cuMemcpyDtoDAsync_v2 cuMemcpyPeerAsync cuMemsetD8Async cuMemsetD32Async cuModuleLoadData
        cuModuleLoadDataEx cuModuleGetFunction cuModuleUnload cuModuleGetGlobal_v2 cuLaunchKernel cuLaunchKernelEx cuFuncGetAttribute
        cuFuncSetAttribute cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags cuEventCreate cuEventDestroy_v2 cuEventRecord
        cuEventSynchronize cuEventElapsedTime cuEventQuery cuStreamBeginCapture_v2 cuStreamEndCapture cuStreamIsCapturing
        cuGraphInstantiateWithFlags cuGraphUpload cuGraphLaunch cuGraphDestroy cuGraphExecDestroy cuGetErrorName cuGetErrorString
        cuLaunchHostFunc virtualCudaForgetAsync virtualCudaLaunches cublasCreate_v2 cublasDestroy_v2 cublasSetStream_v2 cublasSetMathMode cublasSetWorkspace_v2
        cublasSgemm_v2 cublasDgemm_v2 cublasGemmEx cublasSgemmEx cublasGemmStridedBatchedEx cublasSgemmStridedBatched";

    #[test]
    fn is_found_under_the_drivers_names_as_one_image() {
        let library = virtual_cuda::install::library().expect("cargo builds it beside the tests");
        let folder = std::env::temp_dir().join(format!("virtual-cuda-{}", std::process::id()));
        virtual_cuda::install::into(&library, &folder, true).unwrap();
        virtual_cuda::install::into(&library, &folder, true).expect("again, over what is there");
        let open = |name: &str| {
            let path = CString::new(folder.join(name).to_str().unwrap()).unwrap();
            // SAFETY: a path with its zero byte; the library's start-up code is Rust's own. 2 is RTLD_NOW.
            unsafe { dlopen(path.as_ptr(), 2) }
        };
        let (driver, blas) = (open("libcuda.so.1"), open("libcublas.so.12"));
        assert!(!driver.is_null() && driver == blas, "two names, one image");
        for name in NAMES.split_whitespace() {
            let symbol = CString::new(name).unwrap();
            // SAFETY: an open library and a name with its zero byte.
            assert!(!unsafe { dlsym(driver, symbol.as_ptr()) }.is_null(), "{name} is not exported");
        }
        // SAFETY: as above; the function has this type.
        let version = unsafe {
            let symbol = dlsym(driver, c"cuDriverGetVersion".as_ptr());
            std::mem::transmute::<*mut c_void, extern "C" fn(*mut c_int) -> u32>(symbol)
        };
        let mut claimed = 0;
        assert_eq!((version(&mut claimed), claimed), (0, 12_080));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
