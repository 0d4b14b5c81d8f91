//! Where networks are computed: the CPU, or a device that the build has a feature for.

use std::fmt;

use burn::tensor::Device as TensorDevice;
use thiserror::Error;

/// A kind of device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DeviceKind {
    /// The CPU, with operators of our own.
    #[default]
    Cpu,
    /// An Nvidia GPU. Feature `cuda`.
    Cuda,
    /// A GPU through Vulkan, Metal, DirectX 12 or WebGPU, or a driver that plays one. Feature
    /// `wgpu`.
    Wgpu,
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Wgpu => "wgpu",
        })
    }
}

/// A device that is there. The default is the CPU.
#[derive(Debug, Clone, PartialEq)]
pub struct Device {
    kind: DeviceKind,
    tensors: TensorDevice,
}

impl fmt::Display for Device {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[cfg(any(feature = "cuda", feature = "wgpu"))]
        if let Some(identity) = self.tensors.identity() {
            return write!(formatter, "{} ({})", self.kind, identity.name);
        }
        self.kind.fmt(formatter)
    }
}

/// Why there is no such device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DeviceError {
    /// The build lacks its feature.
    #[error("this build has no device `{kind}`: build with `--features {kind}`")]
    NotBuilt {
        /// What was asked for.
        kind: DeviceKind,
    },
    /// The machine has none, or no driver for it.
    #[error("no adapter for device `{kind}` was found: install its driver, or use `cpu`")]
    NotFound {
        /// What was asked for.
        kind: DeviceKind,
    },
}

impl Default for Device {
    fn default() -> Self {
        Self {
            kind: DeviceKind::Cpu,
            tensors: TensorDevice::flex(),
        }
    }
}

impl Device {
    /// The first device of a kind; of several adapters, the one that wgpu takes for the fastest.
    pub fn find(kind: DeviceKind) -> Result<Self, DeviceError> {
        let tensors = match kind {
            DeviceKind::Cpu => Some(TensorDevice::flex()),
            DeviceKind::Cuda => cuda()?,
            DeviceKind::Wgpu => wgpu()?,
        };
        let tensors = tensors.ok_or(DeviceError::NotFound { kind })?;
        Ok(Self { kind, tensors })
    }

    /// Its kind.
    pub fn kind(&self) -> DeviceKind {
        self.kind
    }

    /// Where tensors are made.
    pub(crate) fn of_tensors(&self) -> &TensorDevice {
        &self.tensors
    }
}

/// The first CUDA device, if there is one.
#[cfg(feature = "cuda")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature it fails")]
fn cuda() -> Result<Option<TensorDevice>, DeviceError> {
    use burn::tensor::DeviceType;

    let found = TensorDevice::enumerate(DeviceType::Cuda).into_vec();
    Ok(found.into_iter().next())
}

#[cfg(not(feature = "cuda"))]
fn cuda() -> Result<Option<TensorDevice>, DeviceError> {
    let kind = DeviceKind::Cuda;
    Err(DeviceError::NotBuilt { kind })
}

/// An adapter, if there is one.
#[cfg(feature = "wgpu")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature it fails")]
fn wgpu() -> Result<Option<TensorDevice>, DeviceError> {
    use burn::tensor::{DeviceKind, DeviceType};

    let found = TensorDevice::enumerate(DeviceType::Wgpu).into_vec();
    Ok((!found.is_empty()).then(|| TensorDevice::wgpu(DeviceKind::DefaultDevice)))
}

#[cfg(not(feature = "wgpu"))]
fn wgpu() -> Result<Option<TensorDevice>, DeviceError> {
    let kind = DeviceKind::Wgpu;
    Err(DeviceError::NotBuilt { kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_there() {
        assert_eq!(Device::find(DeviceKind::Cpu), Ok(Device::default()));
    }

    #[cfg(not(feature = "wgpu"))]
    #[test]
    fn a_missing_feature_is_named() {
        let error = Device::find(DeviceKind::Wgpu).expect_err("the feature is off");
        assert_eq!(
            error.to_string(),
            "this build has no device `wgpu`: build with `--features wgpu`"
        );
    }
}
