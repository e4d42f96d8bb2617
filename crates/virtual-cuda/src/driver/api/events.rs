//! Events.

use super::{Out, current, exported};
use crate::driver::{Driver, Handle, Result};

fn record(driver: &mut Driver, event: Handle, stream: Handle) -> Result<()> {
    let stream = driver.stream(stream, current()?)?;
    driver.record(event, stream)
}

exported! {
    fn cuEventCreate(to: Out<Handle>, flags: u32) |driver| {
        let device = current()?;
        // CU_EVENT_DISABLE_TIMING
        to.set(driver.create_event(device, flags & 2 == 0))
    };
    fn cuEventDestroy_v2(event: Handle) |driver| driver.destroy_event(event);
    fn cuEventRecord(event: Handle, stream: Handle) |driver| record(driver, event, stream);
    fn cuEventRecordWithFlags(event: Handle, stream: Handle, flags: u32) |driver| record(driver, event, stream);
    fn cuEventQuery(event: Handle) |driver| driver.query_event(event);
    fn cuEventSynchronize(event: Handle) |driver| driver.synchronize_event(event);
    fn cuEventElapsedTime(milliseconds: Out<f32>, start: Handle, end: Handle) |driver| {
        milliseconds.set(driver.elapsed(start, end)?)
    };
    fn cuEventElapsedTime_v2(milliseconds: Out<f32>, start: Handle, end: Handle) |driver| {
        milliseconds.set(driver.elapsed(start, end)?)
    };
}
